"""The encrypted copy of each record's contact."""
