"""The SQL of the room `clients`."""
