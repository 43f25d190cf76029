"""The progress of deposits, shown to their depositors."""
