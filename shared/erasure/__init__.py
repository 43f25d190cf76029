"""Erasure of a record: the part that all services share."""
