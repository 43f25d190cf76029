"""The rules of measures: pure functions and values, without clock, input or output."""
