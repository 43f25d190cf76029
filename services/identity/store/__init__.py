"""Every SQL statement of identity, by noun."""
