"""The use cases of notify, one file each."""
