"""The use cases of the room `browser_sessions`, one in each file."""
