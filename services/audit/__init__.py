"""Audit owns the ledger: every access, decision and change, for ever, added to and never altered.

It says which entries stand (`audit.entries.v1`) and shows a patient who did what with the own record.
"""
