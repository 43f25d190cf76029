"""The SQL statements, by noun."""
