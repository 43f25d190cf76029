"""The use cases of measures."""
