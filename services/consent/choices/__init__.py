"""The choices of a patient: one versioned state for each record, which is read, changed and announced."""
