"""Pieces of the use cases of copies that run in a caller's transaction."""
