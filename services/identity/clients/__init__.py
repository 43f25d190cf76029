"""Registered software, its certificates, and the issuer of access tokens."""
