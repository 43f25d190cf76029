"""The rules of alerts: who may learn what, and how often. Pure."""
