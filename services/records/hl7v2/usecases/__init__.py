"""The use cases of HL7 v2 messages."""
