"""The use cases of the room `campaigns`, one in each file."""
