"""The SQL statements of the room `relations`."""
