"""The lowest layer of records: code that every room uses and that imports no room."""
