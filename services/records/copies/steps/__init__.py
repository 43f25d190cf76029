"""The pieces of the room `copies` that run in a caller's transaction."""
