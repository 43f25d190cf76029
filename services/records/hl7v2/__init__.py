"""HL7 v2 messages over MLLP: documents that hospitals send (ORU, MDM), and their acknowledgements."""
