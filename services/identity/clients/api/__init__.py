"""The HTTP routes of the room `clients`."""
