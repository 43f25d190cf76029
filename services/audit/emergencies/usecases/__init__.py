"""The use cases of emergencies, one file each."""
