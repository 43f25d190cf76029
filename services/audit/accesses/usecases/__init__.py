"""The use cases of the room `accesses`, one in each file."""
