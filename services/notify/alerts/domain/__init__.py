"""The rules of the room `alerts`, without input or output: who may learn what, and how often."""
