"""The rules of the room `warnings`: pure functions and values, without clock, input or output."""
