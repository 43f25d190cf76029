"""Every SQL statement of notify, by noun."""
