"""One file a use case: the listing is the list of what identity does."""
