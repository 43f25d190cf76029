"""Erasure of a record: the part that every service has."""
