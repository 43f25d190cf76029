"""The domain of records, pure: no await, no clock, no I/O."""
