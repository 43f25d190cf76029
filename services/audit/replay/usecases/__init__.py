"""The use cases of the room `replay`, one in each file."""
