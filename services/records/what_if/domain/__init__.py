"""The rules of the room `what_if`: pure."""
