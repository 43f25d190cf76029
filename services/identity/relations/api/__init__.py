"""The HTTP routes of the room `relations`."""
