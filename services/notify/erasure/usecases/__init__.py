"""The use cases of erasure, one file each."""
