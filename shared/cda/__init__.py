"""CDA R2 documents: checks of the XML, and readers of the header. Nothing is written here."""
