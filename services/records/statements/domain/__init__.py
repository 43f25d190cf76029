"""The rules of statements: pure functions and values, without clock, input or output."""
