"""The pieces of the room `deposits` that run in a caller's transaction."""
