"""Business acknowledgements (HL7 v2 ZAM^Z01): tells the sender's own listener whether its documents are published."""
