"""The rules of the room `copies`: pure."""
