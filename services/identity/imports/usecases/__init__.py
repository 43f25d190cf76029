"""The use cases of the room `imports`, one in each file."""
