"""The use cases of the room `warnings`, one in each file."""
