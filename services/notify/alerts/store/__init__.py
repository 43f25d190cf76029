"""The SQL statements of alerts."""
