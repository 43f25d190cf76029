"""The rules of the room `lifecycle`: pure functions and values, without clock, input or output."""
