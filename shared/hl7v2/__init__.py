"""HL7 v2 in ER7 (vertical bar) encoding: reading messages, framing them (MLLP), and writing acknowledgements."""
