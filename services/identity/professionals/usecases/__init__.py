"""The use cases of the room `professionals`, one in each file."""
