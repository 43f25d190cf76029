"""How the sheet looks on paper."""
