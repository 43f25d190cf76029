"""HTTP: route, use case, response. No rule, no SQL."""
