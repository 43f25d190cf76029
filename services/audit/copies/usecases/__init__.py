"""The use cases of the room `copies`, one in each file."""
