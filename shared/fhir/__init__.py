"""FHIR R4 as the DMP uses it (PDSm, IHE MHD): reads submissions, writes responses and submissions."""
