"""The use cases of the room `documents`, one in each file."""
