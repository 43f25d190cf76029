"""The use cases of the room `lifecycle`, one in each file."""
