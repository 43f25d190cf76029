"""All SQL statements of consent, one module for each kind of row."""
