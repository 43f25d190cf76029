"""The use cases of the room `what_if`, one in each file."""
