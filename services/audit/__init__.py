"""The service audit owns the ledger: every access, decision and change, kept for ever and never altered.

It announces which entries are stored (`audit.entries.v1`), and shows patients who did what with their record.
"""
