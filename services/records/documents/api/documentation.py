"""The OpenAPI documentation of the routes that parse and write bytes themselves."""

from typing import Any

from services.records.kit.documentation import (
    AUTHENTICATED,
    BINARY,
    BYTES,
    HIDDEN,
    NOT_ACCEPTABLE,
    SEARCH_ROUTE,
    UNAUTHENTICATED,
    outcome,
    query,
    resource,
)
from shared.fhir.write import FHIR_JSON
from shared.http.described_errors import FHIR_RESOURCE

BY_ID: dict[str, Any] = {
    **AUTHENTICATED,
    "parameters": [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
            "description": "id of the document",
        }
    ],
}
_PARAMETERS = [
    query(
        "patient",
        "the record: its id, Patient/<id> or the absolute URL of it here, or its INS as system|value. Also `subject`.",
        "Patient/0b5d1f0e-7a56-4f0b-9c39-3f6b8e1a2c4d",
    ),
    query("patient.identifier", "INS as system|value; prefer POST _search", "urn:oid:1.2.250.1.213.1.4.10|..."),
    query("status", "current, superseded, entered-in-error; several with commas. Required.", "current"),
    query("rubric", "codes of GET /records/{id}/rubrics; several with commas", "laboratory"),
    query("type", "codes of types; several with commas", "11502-2"),
    query("category", "codes of classes; several with commas", "10"),
    query("period", "day of care: a day, month or year, with eq, ge, gt, le or lt; twice for both bounds", "ge2026-01"),
    query("author:identifier", "national id of an author or an author's structure", "899900000018"),
    query("specialty", "specialty of an author, as code or whole role", "SM26"),
    query("setting", "code of the practice setting", "AMBULATOIRE"),
    query("organization", "national id of the custodian or of an author's structure", "1750000001"),
    query("encounter:identifier", "the stay or visit, as system|value", "urn:oid:1.2.250.1.999.1|S-42"),
    query("title", "words of the title, in any order; the total is then not stated", "bilan hépatique"),
    query("_sort", "-period: the newest day of care first; without it the newest deposit first", "-period"),
    query("_count", "largest number of documents on a page, up to 100; 0 for the total only", "50"),
    query("_summary", "count for the total only, like _count=0; or false", "count"),
    query("_total", "any value: a total that is stated is accurate", "accurate"),
    query("_after", "from the link `next` of the page before", "0199a3c4-5d00-8b22-8c7e-2f6c1d4e9a3b"),
]
SEARCH: dict[str, Any] = {
    **SEARCH_ROUTE,
    "summary": "Find documents (ITI-67)",
    "openapi_extra": {**AUTHENTICATED, "parameters": _PARAMETERS},
}
POST_SEARCH: dict[str, Any] = {
    **SEARCH_ROUTE,
    "summary": "Find documents (ITI-67), without an INS in the URL",
    "openapi_extra": {
        **AUTHENTICATED,
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            parameter["name"]: {"type": "string", "description": parameter["description"]}
                            for parameter in _PARAMETERS
                        },
                    }
                }
            },
        },
    },
}
READ_REFERENCE: dict[str, Any] = {
    **BYTES,
    "summary": "Read a DocumentReference",
    "responses": {200: resource("The DocumentReference."), **UNAUTHENTICATED, **NOT_ACCEPTABLE, **HIDDEN},
    "openapi_extra": BY_ID,
}
PATCH_REFERENCE: dict[str, Any] = {
    **BYTES,
    "summary": "Change the labels of a document, archive or delete it (TD3.3a to d)",
    "description": "A JSON Patch of securityLabel, of the extension pdsm-ext-is-archived, or of status "
    "(entered-in-error, or superseded with pdsm-ext-is-deleted: deleted for ever). For the patient side, the author, "
    "or the software that deposited the document. N that replaces N lifts the one label that hides the document. To "
    "show the document to representatives, which is for ever, remove that label itself. All operations are in force "
    "with the answer, or none; a patch without effect is refused.",
    "responses": {
        200: resource("The changed DocumentReference, with its ETag."),
        204: {"description": "Done; as an author or depositor who is blocked, you may not read the document."},
        **UNAUTHENTICATED,
        **NOT_ACCEPTABLE,
        **HIDDEN,
        405: outcome("The patch names an element that cannot change."),
        412: outcome("The document has changed since you read it (If-Match)."),
        415: outcome("Not application/json-patch+json, or for another version of FHIR than 4.0."),
        422: outcome(
            "`patch-invalid`: not a patch of this API; `label-ambiguous`: N does not state which label it lifts."
        ),
    },
    "openapi_extra": {
        **BY_ID,
        "requestBody": {
            "required": True,
            "content": {"application/json-patch+json": {"schema": {"type": "array", "items": {"type": "object"}}}},
        },
    },
}
CONTENT = {"application/octet-stream": BINARY, "application/pdf": BINARY, FHIR_JSON: FHIR_RESOURCE}
"""Any media type that documents are deposited in; generators take the first."""
READ_CONTENT: dict[str, Any] = {
    **BYTES,
    "summary": "Read the content of a document (ITI-68)",
    "description": "The bytes in their own media type; a FHIR Binary in JSON when `_format`, or else Accept, names it.",
    "responses": {
        200: {"description": "The content.", "content": CONTENT},
        **UNAUTHENTICATED,
        **NOT_ACCEPTABLE,
        **HIDDEN,
    },
    "openapi_extra": BY_ID,
}
METADATA: dict[str, Any] = {
    **BYTES,
    "summary": "Read the CapabilityStatement",
    "responses": {200: resource("The capabilities of this server."), **NOT_ACCEPTABLE},
}
