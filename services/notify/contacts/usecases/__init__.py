"""The use cases of contacts, one file each."""
