"""The rules of the room `accounts`: pure functions and values, without clock, input or output."""
