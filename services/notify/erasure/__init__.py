"""The erasure of a record from notify."""
