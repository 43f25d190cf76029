"""The SQL statements of the room `openings`."""
