"""The use cases of the room `figures`, one in each file."""
