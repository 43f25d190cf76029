"""What every room of notify uses."""
