"""The routes of measures."""
