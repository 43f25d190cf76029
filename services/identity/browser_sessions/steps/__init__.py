"""The steps of the room `browser_sessions`: parts of use cases that run in the caller's transaction."""
