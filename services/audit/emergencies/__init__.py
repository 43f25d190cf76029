"""The emergency accesses to records, for the patient side and for structures."""
