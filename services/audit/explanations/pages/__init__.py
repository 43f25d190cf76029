"""The pages of who did what with a record, and why it was possible or refused."""
