"""Professionals and structures, and who may have an account at all."""
