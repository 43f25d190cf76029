"""The rules of the room `directory`: pure functions and values, without clock, input or output."""
