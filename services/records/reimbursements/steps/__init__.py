"""Pieces that run in a caller's transaction: the same for lines of a file and of the continuous feed."""
