"""The use cases of the replay, one file each."""
