"""Pieces of the use cases of measures, which run in their transactions."""
