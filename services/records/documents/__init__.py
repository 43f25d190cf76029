"""Published documents of a record: search, reading, relabelling, archiving and deletion."""
