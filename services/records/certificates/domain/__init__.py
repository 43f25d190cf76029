"""The rules of the room `certificates`: pure functions and values, without clock, input or output."""
