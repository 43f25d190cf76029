"""The direct sign-in of a demonstration."""
