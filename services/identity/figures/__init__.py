"""The published figures of the programme."""
