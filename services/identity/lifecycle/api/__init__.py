"""The HTTP routes of the room `lifecycle`."""
