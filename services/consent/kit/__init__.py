"""The lowest layer of consent: code that every room uses and that imports no room."""
