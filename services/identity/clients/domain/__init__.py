"""The rules of the room `clients`: pure functions and values, without clock, input or output."""
