"""The use cases of the room `medicines`: one file each, named by its verb."""
