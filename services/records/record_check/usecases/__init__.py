"""The use cases of the room `record_check`, one in each file."""
