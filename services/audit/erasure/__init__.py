"""The erasure of a record from audit."""
