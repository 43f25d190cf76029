"""The use cases of the room `ledger`, one in each file."""
