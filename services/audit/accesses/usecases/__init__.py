"""The use cases of the list of accesses, one file each."""
