"""The use cases of the room `matrices`, one in each file."""
