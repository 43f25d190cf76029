"""The steps of the room `deposits`: parts of use cases that run in the caller's transaction."""
