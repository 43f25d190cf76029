"""The encrypted copy of the contact of each record."""
