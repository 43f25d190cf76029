"""Medicines: their substances by public files that an operator loads, and the table of interactions."""
