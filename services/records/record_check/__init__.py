"""The check whether a person has a record, and of a professional's access to it (TD0.2)."""
