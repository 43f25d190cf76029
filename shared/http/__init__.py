"""What every API shares: problems, tokens, limits, health, metrics, `Prefer: wait`."""
