"""The SQL statements of the copies."""
