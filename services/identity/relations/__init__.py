"""Representatives, carers, and people to call."""
