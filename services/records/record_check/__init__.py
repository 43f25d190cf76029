"""Tells professionals whether a person has a record, and their access to it (TD0.2)."""
