"""The SQL statements of the room `alerts`."""
