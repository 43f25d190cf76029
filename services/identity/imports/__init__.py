"""Imports of files: the register of the insured and the directory."""
