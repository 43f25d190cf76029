"""The use cases of the room `erasure`, one in each file."""
