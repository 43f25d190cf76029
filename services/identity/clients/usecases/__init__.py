"""The use cases of the room `clients`, one in each file."""
