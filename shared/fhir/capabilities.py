"""The CapabilityStatement of the FHIR server (PDSm 3.1.1, GestionnaireDePartageDeDocuments; FHIR R4)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from shared.fhir.write import COMPREHENSIVE, FHIR_JSON, Json, instant

_PDSM_BUNDLE: Final = (
    "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-provide-document-bundle"
)
_MHD_DOCUMENT: Final = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Comprehensive.DocumentReference"
_SECURITY_SERVICES: Final = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_PARAMETER: Final = "http://hl7.org/fhir/SearchParameter/"


@dataclass(frozen=True, slots=True)
class ServerDescription:
    """What differs between installations: the base URL of the FHIR API, the token endpoint, the software's version."""

    base_url: str
    token_endpoint: str
    software_version: str


def capability_statement(server: ServerDescription, date: datetime) -> bytes:
    """Returns the CapabilityStatement (GET metadata) as JSON. `date`: when the capabilities last changed."""
    rest: Json = {
        "mode": "server",
        "documentation": "The deposit is a transaction (ITI-65), followed at List/<id>, which its answer names.",
        "security": _security(server.token_endpoint),
        "resource": _resources(),
        "interaction": [{"code": "transaction", "documentation": f"A Bundle of the profile {_PDSM_BUNDLE}"}],
        "searchParam": _RESULT_PARAMETERS,
    }
    return orjson.dumps(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": instant(date),
            "kind": "instance",
            "software": {"name": "dmp", "version": server.software_version},
            "implementation": {"description": "Dossier médical partagé, PDSm (MHD)", "url": server.base_url},
            "fhirVersion": "4.0.1",
            "format": [FHIR_JSON, "json"],
            "patchFormat": ["application/json-patch+json"],
            "rest": [rest],
        }
    )


_RESULT_PARAMETERS: Final[list[Json]] = [
    {"name": "_count", "type": "number", "documentation": "Documents on a page, up to 100; 0 for the total only."},
    {"name": "_summary", "type": "token", "documentation": "count: the total only; false: the whole resources."},
    {"name": "_total", "type": "token", "documentation": "Any value: a total that is stated is accurate."},
    {"name": "_format", "type": "token", "documentation": "json only; it overrides Accept."},
]


def _security(token_endpoint: str) -> Json:
    """Returns rest.security: OAuth 2.0, with the token endpoint where SMART clients look for it."""
    return {
        "extension": [{"url": _OAUTH_URIS, "extension": [{"url": "token", "valueUri": token_endpoint}]}],
        "cors": False,
        "service": [{"coding": [{"system": _SECURITY_SERVICES, "code": "OAuth", "display": "OAuth"}]}],
        "description": "OAuth 2.0 bearer tokens. Registered software authenticates at the token endpoint with "
        "private_key_jwt (RFC 7523) or its structure's certificate (RFC 8705); a professional's software exchanges a "
        "token of Pro Santé Connect (RFC 8693).",
    }


def _resources() -> list[Json]:
    return [
        _resource(
            "DocumentReference",
            "read",
            "search-type",
            "patch",
            supportedProfile=[COMPREHENSIVE, _MHD_DOCUMENT],
            versioning="versioned",
            searchParam=_document_parameters(),
        ),
        _resource("Binary", "read", versioning="no-version"),
        _resource(
            "List",
            "read",
            versioning="no-version",
            documentation="A deposit of the caller's: entry.flag states what became of each document.",
        ),
        _resource(
            "Patient",
            "search-type",
            versioning="no-version",
            searchParam=[_parameter("identifier", "token", "Patient-identifier", "The INS as system|value.")],
        ),
        _resource(
            "ExplanationOfBenefit",
            "search-type",
            versioning="no-version",
            documentation="The history of reimbursements, 50 lines a page.",
            searchParam=[_parameter("patient", "reference", "ExplanationOfBenefit-patient", "The record's id.")],
        ),
        _measures(),
    ]


def _document_parameters() -> list[Json]:
    return [
        _parameter("patient", "reference", "clinical-patient", "The record's id, Patient/<id> or its URL."),
        _parameter("patient.identifier", "token", None, "The INS as system|value; send it by POST _search."),
        _parameter("subject", "reference", "DocumentReference-subject", "Like patient."),
        _parameter("status", "token", "DocumentReference-status", "Mandatory; several with commas."),
        _parameter("rubric", "token", None, "A rubric of the record; several with commas."),
        _parameter("type", "token", "clinical-type", "Several with commas."),
        _parameter("category", "token", "DocumentReference-category", "Several with commas."),
        _parameter("period", "date", "DocumentReference-period", "The day on which the act began."),
        _parameter("author:identifier", "token", None, "An author or an author's structure."),
        _parameter("specialty", "token", None, "The specialty of an author, as code or whole role."),
        _parameter("setting", "token", "DocumentReference-setting", "The practice setting."),
        _parameter("organization", "token", None, "The custodian or an author's structure."),
        _parameter("encounter:identifier", "token", None, "The stay or visit."),
        _parameter("title", "string", None, "Words of the title."),
    ]


def _measures() -> Json:
    return _resource(
        "Observation",
        "create",
        "read",
        "search-type",
        versioning="versioned",
        documentation="A measure of the patient side, by LOINC or TRE_R308; a body mass index is computed.",
        searchParam=[
            _parameter("patient", "reference", "clinical-patient", "The record's id, Patient/<id> or its URL."),
            _parameter("code", "token", "clinical-code", "code, or system|code."),
            _parameter("date", "date", "clinical-date", "A day, or ge and le for a period."),
        ],
    )


def _resource(kind: str, *interactions: str, **elements: object) -> Json:
    return {"type": kind, "interaction": [{"code": code} for code in interactions], **elements}


def _parameter(name: str, kind: str, definition: str | None, documentation: str) -> Json:
    defined = {} if definition is None else {"definition": f"{_PARAMETER}{definition}"}
    return {"name": name, **defined, "type": kind, "documentation": documentation}
