"""The HTTP API of records: FHIR under /fhir, and the routes of the project's own beside it."""
