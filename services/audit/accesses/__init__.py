"""The list of accesses to a record, for the patient and representatives."""
