"""Which kinds of alerts a person wants."""
