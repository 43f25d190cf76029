"""The rules of the room `ledger`: pure functions and values, without clock, input or output."""
