"""The life of a record: closing, reopening, death, objection to opening, and links between two records."""
