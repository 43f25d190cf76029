"""The use cases of the room `alerts`, one in each file."""
