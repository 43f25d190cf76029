"""The SQL statements of the room `documents`."""
