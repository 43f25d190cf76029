"""The use cases of the copies, one file each."""
