"""The steps of the room `relations`: parts of use cases that run in the caller's transaction."""
