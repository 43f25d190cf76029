"""What consent takes and answers over HTTP."""
