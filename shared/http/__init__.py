"""The shared parts of every API: problems, tokens, limits, health, metrics, `Prefer: wait`."""
