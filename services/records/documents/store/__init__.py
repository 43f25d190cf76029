"""Every SQL statement of the room `documents`."""
