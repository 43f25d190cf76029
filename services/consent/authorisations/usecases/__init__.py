"""The use cases of the room `authorisations`, one in each file."""
