"""HTTP of records: FHIR under /fhir, the tracking of deposits beside it."""
