"""What every room of audit uses."""
