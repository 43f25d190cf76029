"""The HTTP routes of the room `deposits`."""
