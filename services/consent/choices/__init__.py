"""The choices of a patient: one versioned state for each record, read, changed and announced."""
