"""The rules of the room `facts`: pure functions and values, without clock, input or output."""
