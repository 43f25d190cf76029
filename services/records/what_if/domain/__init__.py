"""The rules of the room `what_if`: pure functions and values, without clock, input or output."""
