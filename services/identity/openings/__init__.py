"""Opening of records: alone, with help, for a represented person; activation codes."""
