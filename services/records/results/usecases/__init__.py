"""The use cases of the room `results`, one in each file."""
