"""The erasure of records, its acknowledgements and receipts, and the recovery of lost commits."""
