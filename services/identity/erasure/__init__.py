"""Erasure of records, its acknowledgements and receipts, and recovery of lost commits."""
