"""The SQL of quarantine."""
