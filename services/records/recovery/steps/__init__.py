"""The pieces of the room `recovery` that run in a caller's transaction."""
