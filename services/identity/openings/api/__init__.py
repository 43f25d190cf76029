"""The HTTP routes of the room `openings`."""
