"""HTTP of consent."""
