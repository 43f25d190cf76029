"""The rules of the room `deposits`: pure functions and values, without clock, input or output."""
