"""The use cases of the room `openings`, one in each file."""
