"""The rules of the room `exports`: pure functions and values, without clock, input or output."""
