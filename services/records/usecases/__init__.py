"""The use cases of records, one in each file."""
