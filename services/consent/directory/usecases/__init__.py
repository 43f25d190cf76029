"""The use cases of the room `directory`, one in each file."""
