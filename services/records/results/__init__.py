"""Results over time: the results and measures of a record, by analysis, as lines of one dimension."""
