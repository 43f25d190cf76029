"""Copies of the whole record for its holder and representatives: prepared by a job, fetched as a signed ZIP archive."""
