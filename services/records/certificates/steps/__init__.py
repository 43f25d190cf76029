"""Pieces of certificates that run in a caller's transaction."""
