"""The sheet as a document Bundle of FHIR R4: an International Patient Summary (HL7 IPS 2.0)."""
