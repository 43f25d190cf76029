"""The rules of the room `choices`: pure functions and values, without clock, input or output."""
