"""The rules of the room `facts`: pure."""
