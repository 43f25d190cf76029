"""The OpenAPI documentation of the routes of `Consent`, which parse and write FHIR themselves."""

from typing import Any

from shared.fhir.write import FHIR_JSON
from shared.http.described_errors import FHIR_RESOURCE

RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "OperationOutcome `consent-invalid`, `search-invalid`."},
    403: {"description": "OperationOutcome `change-not-permitted`, `forbidden`."},
    404: {"description": "OperationOutcome `not-found`."},
    406: {"description": "OperationOutcome `not-acceptable`: another format than JSON was asked for."},
    409: {"description": "OperationOutcome `professional-blocked`, `list-full`, `record-closed`."},
    412: {
        "description": "OperationOutcome `version-differs`; `ETag` is the current version. To the patient side only."
    },
    415: {"description": "OperationOutcome `media-type-unsupported`, `fhir-version-unsupported`."},
    422: {"description": "OperationOutcome `period-invalid`, `national-id-invalid`."},
    503: {"description": "OperationOutcome `record-not-ready`, `cannot-be-checked-now` (never to patients)."},
}
_CONSENT: dict[str, Any] = {"description": "The Consent.", "content": {FHIR_JSON: FHIR_RESOURCE}}
_CONSENTS: dict[str, Any] = {"description": "A searchset Bundle.", "content": {FHIR_JSON: FHIR_RESOURCE}}
_ON_ITS_WAY = "The change is stored, but not in force yet. `Prefer: wait=N` waits until it is."
CREATED: dict[int | str, dict[str, Any]] = {201: _CONSENT, 202: {**_CONSENT, "description": _ON_ITS_WAY}}
CHANGED: dict[int | str, dict[str, Any]] = {200: _CONSENT, 202: {**_CONSENT, "description": _ON_ITS_WAY}}
ENDED: dict[int | str, dict[str, Any]] = {202: {"description": _ON_ITS_WAY}}
SEARCHSET: dict[int | str, dict[str, Any]] = {200: _CONSENTS}
READ: dict[int | str, dict[str, Any]] = {200: _CONSENT}
BODY = {"requestBody": {"content": {FHIR_JSON: FHIR_RESOURCE}, "required": True}}
FORM_FIELDS = {
    "patient": "the record: `Patient/<id>`, its absolute URL here, or the id",
    "actor": "national id of the holder, with or without its system: `[system|]id`",
    "status": "active or inactive",
}
FORM = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {name: {"type": "string", "description": text} for name, text in FORM_FIELDS.items()},
                    "required": ["patient"],
                }
            }
        },
        "required": True,
    }
}
