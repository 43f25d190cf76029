"""Previews a change of rights or labels: who would see which documents no longer."""
