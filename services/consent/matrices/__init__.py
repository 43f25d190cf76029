"""The versions of the national matrix: import, comparison and activation."""
