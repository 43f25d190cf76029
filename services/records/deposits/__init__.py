"""Deposits of documents: accepted at the door, then published or refused by the decision of consent."""
