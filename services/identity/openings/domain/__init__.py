"""The rules of the room `openings`: pure functions and values, without clock, input or output."""
