"""Which vaccination certificate rests on which document, and the certificates that are revoked for it."""
