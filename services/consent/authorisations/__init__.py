"""Authorisations as FHIR R4 `Consent` resources."""
