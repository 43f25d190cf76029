"""The use cases of quarantine, one in each file."""
