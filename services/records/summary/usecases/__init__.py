"""The use cases of the room `summary`, one in each file."""
