"""Applies releases to a cluster in their order, and takes one back: `python -m deploy.release`."""
