"""The use cases of the room `relations`, one in each file."""
