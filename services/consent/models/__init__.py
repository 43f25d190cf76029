"""Bodies of the requests and responses of consent."""
