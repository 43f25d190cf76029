"""Steps of the room `medicines`."""
