"""The use cases of the room `contacts`, one in each file."""
