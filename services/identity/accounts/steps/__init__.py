"""Pieces of use cases that run in the caller's transaction."""
