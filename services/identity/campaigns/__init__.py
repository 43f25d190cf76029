"""Campaigns: a record for everyone who does not refuse."""
