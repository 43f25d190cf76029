"""The use cases of the room `choices`, one in each file."""
