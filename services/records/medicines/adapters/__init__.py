"""Files of the room `medicines`."""
