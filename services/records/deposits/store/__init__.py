"""The SQL statements of the room `deposits`."""
