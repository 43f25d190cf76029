"""Every SQL statement of the room `recovery`."""
