"""FHIR R4 as the DMP speaks it (PDSm, IHE MHD): submissions are read, responses and submissions written."""
