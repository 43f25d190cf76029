"""CDA R2 documents: whether the XML may be taken, and what the header says. Nothing is written here."""
