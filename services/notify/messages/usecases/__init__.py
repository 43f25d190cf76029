"""The use cases of the room `messages`, one in each file."""
