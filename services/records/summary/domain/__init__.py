"""The rules of the room `summary`: pure functions and values, without clock, input or output."""
