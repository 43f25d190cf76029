"""The lowest layer of audit: code that every room uses and that imports no room."""
