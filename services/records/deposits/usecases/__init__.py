"""The use cases of the room `deposits`, one in each file."""
