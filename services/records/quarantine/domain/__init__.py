"""The rules of quarantine."""
