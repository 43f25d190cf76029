"""Decides whether a deposited document may enter the record."""
