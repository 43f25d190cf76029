"""The SQL of measures."""
