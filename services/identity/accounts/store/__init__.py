"""The SQL statements of the room `accounts`."""
