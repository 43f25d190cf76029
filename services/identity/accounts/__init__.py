"""Accounts of record holders: sign-in, sessions, passwords and second factors."""
