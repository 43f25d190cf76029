"""Erasure of a record: first everything that finds and opens it, then its bytes."""
