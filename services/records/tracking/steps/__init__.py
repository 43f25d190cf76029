"""Pieces of use cases: who deposits, and what follows a deposit."""
