"""The HTTP routes of the room `accounts`."""
