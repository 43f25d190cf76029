"""The rules of the room `relations`: pure functions and values, without clock, input or output."""
