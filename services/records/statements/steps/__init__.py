"""The steps of the room `statements`, which run within a request of their caller."""
