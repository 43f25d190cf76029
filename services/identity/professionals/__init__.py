"""Sign-in of professionals with Pro Santé Connect or a card, their sessions, and proofs of presence."""
