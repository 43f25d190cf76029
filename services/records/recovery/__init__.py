"""Restores documents after the database has lost commits, and lists the deposits that are lost."""
