"""The rules of the room `documents`: pure functions and values, without clock, input or output."""
