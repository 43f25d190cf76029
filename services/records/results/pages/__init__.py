"""The pages of the room `results`: the analyses of a record, and one of them over time."""
