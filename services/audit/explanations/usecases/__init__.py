"""The use cases of explanations, one file each."""
