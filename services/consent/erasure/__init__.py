"""Erasure of a record from consent: its choices at once, their history in steps."""
