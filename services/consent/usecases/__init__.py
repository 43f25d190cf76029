"""The use cases of consent."""
