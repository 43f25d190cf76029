"""The tracking of deposits by their depositors."""
