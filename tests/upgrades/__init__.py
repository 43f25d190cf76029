"""Databases of the last release, with rows of every kind, on which the migrations since then are tried."""
