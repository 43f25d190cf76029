"""The rules of the room `results`: pure functions and values, without clock, input or output."""
