"""The local copies of other services' state: how they are applied, and what they say about a record."""
