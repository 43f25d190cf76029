"""The delivery loop, and how it tells of outcomes."""
