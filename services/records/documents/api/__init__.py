"""The HTTP routes of the room `documents`."""
