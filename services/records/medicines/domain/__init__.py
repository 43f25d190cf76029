"""The rules of the room `medicines`: pure functions and values, without clock, input or output."""
