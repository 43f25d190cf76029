"""The SQL statements of the room `people`."""
