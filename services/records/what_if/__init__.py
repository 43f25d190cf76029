"""Previews of a change of rights or labels: which readers would see fewer or more documents."""
