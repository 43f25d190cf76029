"""Documents: they are found, read, relabelled, archived and deleted."""
