"""Keyrings, fingerprints, data keys per record, and the inventory of the keys that seal rows."""
