"""The use cases of preferences, one file each."""
