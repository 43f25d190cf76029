"""One file a use case: this listing is the list of what notify does."""
