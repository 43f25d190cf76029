"""The pieces of the room `choices` that run in a caller's transaction."""
