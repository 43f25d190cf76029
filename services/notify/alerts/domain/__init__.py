"""The rules of the room `alerts`: pure functions and values, without clock, input or output."""
