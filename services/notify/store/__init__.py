"""All SQL statements of notify, one module for each kind of row."""
