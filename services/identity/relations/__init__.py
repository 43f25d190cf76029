"""The people around a holder: representatives, carers, and people to call."""
