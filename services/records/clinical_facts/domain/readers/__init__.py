"""Readers of the kinds of facts: each takes a statement and returns the facts that it makes."""
