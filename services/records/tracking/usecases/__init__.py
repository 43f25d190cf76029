"""The use cases of the room `tracking`, one in each file."""
