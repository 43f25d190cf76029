"""The rules of the room `documents`: pure."""
