"""What records knows and how it judges it, pure: no await, no clock, no I/O."""
