"""Decisions of the ledger, decided again for an operator."""
