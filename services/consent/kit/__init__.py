"""The lowest floor of consent: what every room uses, and what knows no room."""
