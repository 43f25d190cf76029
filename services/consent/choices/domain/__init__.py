"""The rules of the room `choices`: pure."""
