"""The CapabilityStatement of the FHIR server (PDSm 3.1.1, GestionnaireDePartageDeDocuments)."""

from datetime import datetime

import orjson

from shared.fhir.write import COMPREHENSIVE, FHIR_JSON, Json, instant


def capability_statement(base_url: str, software_version: str, date: datetime) -> bytes:
    """Returns the CapabilityStatement (GET metadata) as JSON."""
    interactions = {
        "DocumentReference": ("read", "search-type", "patch"),
        "Binary": ("read",),
        "Patient": ("search-type",),
    }
    parameters = [
        {"name": "patient", "type": "reference"},
        {"name": "patient.identifier", "type": "token"},
        {"name": "subject", "type": "reference"},
        {"name": "status", "type": "token"},
    ]
    resources: list[Json] = [
        {"type": kind, "interaction": [{"code": code} for code in codes], "versioning": "versioned"}
        for kind, codes in interactions.items()
    ]
    resources[0] |= {"supportedProfile": [COMPREHENSIVE], "searchParam": parameters}
    resources[2] |= {"searchParam": [{"name": "identifier", "type": "token"}]}
    rest: Json = {"mode": "server", "resource": resources, "interaction": [{"code": "transaction"}]}
    return orjson.dumps(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": instant(date),
            "kind": "instance",
            "software": {"name": "dmp", "version": software_version},
            "implementation": {"description": "Dossier médical partagé, PDSm (MHD)", "url": base_url},
            "fhirVersion": "4.0.1",
            "format": [FHIR_JSON, "json"],
            "patchFormat": ["application/json-patch+json"],
            "rest": [rest],
        }
    )
