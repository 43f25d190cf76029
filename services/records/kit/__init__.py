"""The lowest floor of records: what every room uses, and what knows no room."""
