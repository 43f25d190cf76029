"""The HTTP API of consent."""
