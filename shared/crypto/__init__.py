"""Keyrings, fingerprints, commitments, and data keys per record."""
