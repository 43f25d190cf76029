"""The steps of the room `accounts`: parts of use cases that run in the caller's transaction."""
