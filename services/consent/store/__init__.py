"""Every SQL statement of consent, by noun."""
