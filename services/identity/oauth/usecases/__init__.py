"""The use cases of the room `oauth`, one in each file."""
