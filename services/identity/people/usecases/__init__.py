"""The use cases of the room `people`, one in each file."""
