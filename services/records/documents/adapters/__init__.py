"""FHIR resources of documents."""
