"""The rules of the room `reimbursements`: pure functions and values, without clock, input or output."""
