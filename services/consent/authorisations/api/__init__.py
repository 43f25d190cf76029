"""The HTTP routes of the room `authorisations`."""
