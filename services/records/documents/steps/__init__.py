"""Pieces of documents that run in a caller's transaction."""
