"""The codes, notices and letters that services request."""
