"""The SQL statements of the room `warnings`."""
