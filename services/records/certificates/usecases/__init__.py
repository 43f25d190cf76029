"""The use cases of the room `certificates`, one in each file."""
