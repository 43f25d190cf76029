"""The local copies of identity's records, people and directory."""
