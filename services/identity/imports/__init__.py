"""The imports of files: the register of the insured and the directory."""
