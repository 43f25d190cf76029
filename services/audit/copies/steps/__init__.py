"""Pieces of use cases, and handlers of events, that run in the caller's transaction."""
