"""The use cases of recovery."""
