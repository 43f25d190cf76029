"""The use cases of alerts, one file each."""
