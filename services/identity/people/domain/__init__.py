"""The rules of the room `people`: pure functions and values, without clock, input or output."""
