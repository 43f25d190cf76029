"""What OpenAPI says of the routes that parse and write bytes themselves."""

from typing import Any

from starlette.responses import Response

from shared.fhir.write import FHIR_JSON

_SECURED: dict[str, Any] = {"security": [{"HTTPBearer": []}]}
_BYTES: dict[str, Any] = {"tags": ["FHIR"], "response_class": Response}
_BY_ID: dict[str, Any] = {
    **_SECURED,
    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}],
}
_RESOURCE = {"schema": {"type": "object"}}


def _outcome(description: str) -> dict[str, Any]:
    return {"description": description, "content": {FHIR_JSON: _RESOURCE}}


UNAUTHENTICATED = {401: _outcome("No valid access token.")}
HIDDEN = {
    403: _outcome("This kind of token may never do this."),
    404: _outcome("There is nothing here, or nothing that you may see."),
    503: _outcome("The patient's choices cannot be checked now; see Retry-After."),
}

DEPOSIT: dict[str, Any] = {
    **_BYTES,
    "summary": "Deposit documents (PDSm ITI-65 transaction)",
    "description": "A Bundle with one SubmissionSet List, and a DocumentReference and a Binary for each document. "
    "201: safe, and invisible until the patient's choices are checked; follow it at Location, or wait with "
    "`Prefer: wait=2`. The same submission again gets the same answer.",
    "status_code": 201,
    "responses": {
        201: _outcome("transaction-response with as many entries, in the same order."),
        400: _outcome("Not a FHIR Bundle in JSON."),
        **UNAUTHENTICATED,
        403: _outcome("Not the software of an organisation, or without the scope documents.deposit."),
        409: _outcome("A masterIdentifier already stands for something else in this record."),
        413: _outcome("Too large."),
        415: _outcome("Not JSON, or with a Content-Encoding."),
        422: _outcome("Not acceptable: all issues found, or unknown record, closed record, traits that differ."),
    },
    "openapi_extra": {
        **_SECURED,
        "requestBody": {"required": True, "content": {FHIR_JSON: _RESOURCE}},
        "parameters": [
            {
                "name": "Prefer",
                "in": "header",
                "schema": {"type": "string"},
                "example": "wait=2",
                "description": "Answer when the documents are published or refused, after so many seconds at most.",
            }
        ],
    },
}


def _query(name: str, description: str, example: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "schema": {"type": "string"},
        "description": description,
        "example": example,
    }


_PARAMETERS = [
    _query("patient", "id of the record, or its INS as system|value", "Patient/0b5d1f0e-7a56-4f0b-9c39-3f6b8e1a2c4d"),
    _query("patient.identifier", "INS as system|value; prefer POST _search", "urn:oid:1.2.250.1.213.1.4.10|..."),
    _query("status", "current, superseded, entered-in-error; several with commas. Needed.", "current"),
    _query("_count", "documents a page at most, 1 to 100", "50"),
    _query("_after", "taken from the link `next` of a page", "0199a3c4-5d00-8b22-8c7e-2f6c1d4e9a3b"),
]
_SEARCH: dict[str, Any] = {
    **_BYTES,
    "responses": {
        200: _outcome("searchset Bundle; empty too for an unknown patient and for who may not search."),
        400: _outcome("A parameter is missing or not understood."),
        **UNAUTHENTICATED,
        403: HIDDEN[403],
        503: HIDDEN[503],
    },
}
SEARCH: dict[str, Any] = {
    **_SEARCH,
    "summary": "Find documents (ITI-67)",
    "openapi_extra": {**_SECURED, "parameters": _PARAMETERS},
}
POST_SEARCH: dict[str, Any] = {
    **_SEARCH,
    "summary": "Find documents (ITI-67), without an INS in the URL",
    "openapi_extra": {
        **_SECURED,
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "properties": {one["name"]: {"type": "string"} for one in _PARAMETERS},
                    }
                }
            },
        },
    },
}
_IDENTIFIER = _query("identifier", "INS as system|value; prefer POST _search", "urn:oid:1.2.250.1.213.1.4.10|...")
STANDING: dict[str, Any] = {
    **_SEARCH,
    "summary": "Whether a person has a record, and how one stands to it (TD0.2)",
    "description": "For professionals and their software. active: open, or closed; the extensions tell the "
    "authorisation (NON_EXISTE, INTERDIT, EXPIRE, VALIDE) and whether the asker is a médecin traitant. No traits.",
    "openapi_extra": {**_SECURED, "parameters": [_IDENTIFIER]},
}
POST_STANDING: dict[str, Any] = {
    **STANDING,
    "summary": "The same (TD0.2), without an INS in the URL",
    "openapi_extra": {
        **_SECURED,
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {"type": "object", "properties": {"identifier": {"type": "string"}}}
                }
            },
        },
    },
}
READ_REFERENCE: dict[str, Any] = {
    **_BYTES,
    "summary": "One DocumentReference",
    "responses": {200: _outcome("The DocumentReference."), **UNAUTHENTICATED, **HIDDEN},
    "openapi_extra": _BY_ID,
}
PATCH_REFERENCE: dict[str, Any] = {
    **_BYTES,
    "summary": "Change the labels of a document, archive or delete it (TD3.3a to d)",
    "description": "A JSON Patch of securityLabel, of the extension pdsm-ext-is-archived, or of status "
    "(entered-in-error, or superseded with pdsm-ext-is-deleted: deleted for ever). By the patient's side, the author, "
    "or the software that deposited it. N that is written over N lifts the one label that hides the document; showing "
    "to representatives, which is for ever, takes the removal of that label. All of it is in force with the answer, or "
    "none; what has no effect is refused.",
    "responses": {
        200: _outcome("The DocumentReference as it is now, with its ETag."),
        204: {"description": "Done, by an author or depositor who may not read it (who is blocked)."},
        **UNAUTHENTICATED,
        **HIDDEN,
        405: _outcome("Another element is fixed."),
        412: _outcome("The document was changed since (If-Match)."),
        415: _outcome("Not application/json-patch+json."),
        422: _outcome("`patch-invalid`: not a patch that is understood here; `label-ambiguous`: N names no label."),
    },
    "openapi_extra": {
        **_BY_ID,
        "requestBody": {
            "required": True,
            "content": {"application/json-patch+json": {"schema": {"type": "array", "items": {"type": "object"}}}},
        },
    },
}
READ_CONTENT: dict[str, Any] = {
    **_BYTES,
    "summary": "The content of a document (ITI-68)",
    "description": "The bytes in their own media type; a FHIR Binary when Accept says application/fhir+json.",
    "responses": {
        200: {"description": "The content.", "content": {"*/*": {}, FHIR_JSON: _RESOURCE}},
        **UNAUTHENTICATED,
        **HIDDEN,
    },
    "openapi_extra": _BY_ID,
}
METADATA: dict[str, Any] = {
    **_BYTES,
    "summary": "CapabilityStatement",
    "responses": {200: _outcome("What this server can do.")},
}
