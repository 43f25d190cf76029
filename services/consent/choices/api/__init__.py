"""The HTTP routes of the room `choices`."""
