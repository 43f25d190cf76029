"""The SQL statements of the room `medicines`."""
