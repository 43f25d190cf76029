"""The use cases of business acknowledgements."""
