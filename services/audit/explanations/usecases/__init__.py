"""The use cases of the room `explanations`, one in each file."""
