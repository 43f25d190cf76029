"""Codes, notices and letters that services request."""
