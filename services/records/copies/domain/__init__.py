"""The rules of the room `copies`: pure functions and values, without clock, input or output."""
