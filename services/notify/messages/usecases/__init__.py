"""The use cases of messages, one file each."""
