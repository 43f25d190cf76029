"""The rules of the room `professionals`: pure functions and values, without clock, input or output."""
