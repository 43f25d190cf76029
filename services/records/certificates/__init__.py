"""Vaccination certificates: SMART Health Cards about doses that professionals recorded, and their revocation."""
