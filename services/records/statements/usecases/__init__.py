"""The use cases of statements."""
