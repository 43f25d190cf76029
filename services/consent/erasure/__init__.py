"""Erases a record: its choices at once, their history in steps."""
