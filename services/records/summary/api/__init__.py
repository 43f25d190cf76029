"""The routes of the room `summary`."""
