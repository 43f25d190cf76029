"""The OpenAPI documentation of the routes that parse and write bytes themselves."""

from typing import Any

from starlette.responses import Response

from shared.fhir.write import FHIR_JSON

_AUTHENTICATED: dict[str, Any] = {"security": [{"HTTPBearer": []}]}
_BYTES: dict[str, Any] = {"tags": ["FHIR"], "response_class": Response}
_BY_ID: dict[str, Any] = {
    **_AUTHENTICATED,
    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}],
}
_RESOURCE = {"schema": {"type": "object"}}


def _outcome(description: str) -> dict[str, Any]:
    return {"description": description, "content": {FHIR_JSON: _RESOURCE}}


UNAUTHENTICATED = {401: _outcome("No valid access token.")}
HIDDEN = {
    403: _outcome("This kind of token never permits this."),
    404: _outcome("There is no such resource, or you may not know of it."),
    503: _outcome("The patient's choices cannot be checked now; see Retry-After."),
}

DEPOSIT: dict[str, Any] = {
    **_BYTES,
    "summary": "Deposit documents (PDSm ITI-65 transaction)",
    "description": "A Bundle with one SubmissionSet List, and a DocumentReference and a Binary for each document. "
    "201: stored, and invisible until the patient's choices are checked. Follow the deposit at Location, or wait with "
    "`Prefer: wait=2`. A repeated submission gets the answer of the first.",
    "status_code": 201,
    "responses": {
        201: _outcome("A transaction-response with the entries in the order of the request."),
        400: _outcome("Not a FHIR Bundle in JSON."),
        **UNAUTHENTICATED,
        403: _outcome("Not the software of an organisation, or without the scope documents.deposit."),
        409: _outcome("A masterIdentifier already names another document in this record."),
        413: _outcome("Too large."),
        415: _outcome("Not JSON, or with a Content-Encoding."),
        422: _outcome(
            "Not acceptable: lists all issues of the submission; or record unknown or closed, traits differ."
        ),
    },
    "openapi_extra": {
        **_AUTHENTICATED,
        "requestBody": {"required": True, "content": {FHIR_JSON: _RESOURCE}},
        "parameters": [
            {
                "name": "Prefer",
                "in": "header",
                "schema": {"type": "string"},
                "example": "wait=2",
                "description": "Wait for the documents to be published or refused, for this many seconds at most.",
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
    _query("status", "current, superseded, entered-in-error; several with commas. Required.", "current"),
    _query("_count", "largest number of documents on a page, 1 to 100", "50"),
    _query("_after", "from the link `next` of the page before", "0199a3c4-5d00-8b22-8c7e-2f6c1d4e9a3b"),
]
_SEARCH: dict[str, Any] = {
    **_BYTES,
    "responses": {
        200: _outcome("A searchset Bundle; also empty for an unknown patient, and where you may not search."),
        400: _outcome("A parameter is missing or not understood."),
        **UNAUTHENTICATED,
        403: HIDDEN[403],
        503: HIDDEN[503],
    },
}
SEARCH: dict[str, Any] = {
    **_SEARCH,
    "summary": "Find documents (ITI-67)",
    "openapi_extra": {**_AUTHENTICATED, "parameters": _PARAMETERS},
}
POST_SEARCH: dict[str, Any] = {
    **_SEARCH,
    "summary": "Find documents (ITI-67), without an INS in the URL",
    "openapi_extra": {
        **_AUTHENTICATED,
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "properties": {parameter["name"]: {"type": "string"} for parameter in _PARAMETERS},
                    }
                }
            },
        },
    },
}
_IDENTIFIER = _query("identifier", "INS as system|value; prefer POST _search", "urn:oid:1.2.250.1.213.1.4.10|...")
FIND_PATIENT: dict[str, Any] = {
    **_SEARCH,
    "summary": "Check whether a person has a record, and your access to it (TD0.2)",
    "description": "For professionals and their software. active: whether the record is open. Extensions: the "
    "authorisation (NON_EXISTE, INTERDIT, EXPIRE, VALIDE), and whether you are a médecin traitant. Returns no traits.",
    "openapi_extra": {**_AUTHENTICATED, "parameters": [_IDENTIFIER]},
}
POST_FIND_PATIENT: dict[str, Any] = {
    **FIND_PATIENT,
    "summary": "Check whether a person has a record (TD0.2), without an INS in the URL",
    "openapi_extra": {
        **_AUTHENTICATED,
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
    "summary": "Read a DocumentReference",
    "responses": {200: _outcome("The DocumentReference."), **UNAUTHENTICATED, **HIDDEN},
    "openapi_extra": _BY_ID,
}
PATCH_REFERENCE: dict[str, Any] = {
    **_BYTES,
    "summary": "Change the labels of a document, archive or delete it (TD3.3a to d)",
    "description": "A JSON Patch of securityLabel, of the extension pdsm-ext-is-archived, or of status "
    "(entered-in-error, or superseded with pdsm-ext-is-deleted: deleted for ever). For the patient side, the author, "
    "or the software that deposited the document. N that replaces N lifts the one label that hides the document. To "
    "show the document to representatives, which is for ever, remove that label itself. All operations are in force "
    "with the answer, or none; a patch without effect is refused.",
    "responses": {
        200: _outcome("The changed DocumentReference, with its ETag."),
        204: {"description": "Done; as an author or depositor who is blocked, you may not read the document."},
        **UNAUTHENTICATED,
        **HIDDEN,
        405: _outcome("The patch names an element that cannot change."),
        412: _outcome("The document has changed since you read it (If-Match)."),
        415: _outcome("Not application/json-patch+json."),
        422: _outcome(
            "`patch-invalid`: not a patch of this API; `label-ambiguous`: N does not state which label it lifts."
        ),
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
    "summary": "Read the content of a document (ITI-68)",
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
    "summary": "Read the CapabilityStatement",
    "responses": {200: _outcome("The capabilities of this server.")},
}
