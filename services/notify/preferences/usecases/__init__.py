"""The use cases of the room `preferences`, one in each file."""
