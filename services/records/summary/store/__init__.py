"""The SQL statements of the room `summary`."""
