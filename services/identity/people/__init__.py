"""Persons, their records and contacts, and the register of the insured."""
