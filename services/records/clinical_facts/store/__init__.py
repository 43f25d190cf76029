"""The SQL statements of the room `clinical_facts`."""
