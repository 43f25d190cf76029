"""Who opened a record in an emergency, for the patient side and for structures."""
