"""The use cases of the room `demo`, one in each file."""
