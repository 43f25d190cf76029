"""Pieces of the transactions about alerts."""
