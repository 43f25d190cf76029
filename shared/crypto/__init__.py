"""Keyrings, fingerprints, data keys per record, and the keys under which rows lie."""
