"""Reimbursements of the health insurance: imported line by line, kept 24 months by date of care, shown as history."""
