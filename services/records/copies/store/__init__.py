"""The SQL statements of the room `copies`."""
