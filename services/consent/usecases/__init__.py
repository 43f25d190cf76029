"""What consent does."""
