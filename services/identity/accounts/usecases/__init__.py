"""The use cases of the room `accounts`, one in each file."""
