"""The rules of the room `deposits`: pure."""
