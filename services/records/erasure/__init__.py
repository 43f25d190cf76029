"""Erases a record: at once all that finds and opens it, then its bytes."""
