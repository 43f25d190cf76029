"""Every SQL statement of the room `choices`."""
