"""The patient's list of accesses, and who may read it."""
