"""The SQL statements of the room `choices`."""
