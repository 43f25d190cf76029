"""Steps of the room `summary`, which run in a transaction of their caller."""
