"""The use cases of the room `exports`, one in each file."""
