"""The replay: decisions of the ledger are decided again for an operator."""
