"""The copies of identity's records, people and public names."""
