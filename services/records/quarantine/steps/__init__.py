"""Pieces of use cases: keeps what a door refused, traces what is done with it."""
