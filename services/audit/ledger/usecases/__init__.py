"""The use cases of the ledger, one file each."""
