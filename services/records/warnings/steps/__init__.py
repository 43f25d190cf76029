"""Steps of the room `warnings`."""
