"""Describes errors in OpenAPI as this frame sends them, in place of FastAPI's own descriptions."""

from typing import Any, Final

from shared.fhir.write import FHIR_JSON
from shared.http.outcomes import is_fhir

PROBLEM_JSON: Final = "application/problem+json"
FHIR_RESOURCE: Final = {"schema": {"$ref": "#/components/schemas/FhirResource"}}
"""The content of a request or response that is a FHIR resource in JSON."""
_REPLACED: Final = ("HTTPValidationError", "ValidationError")
_TEXT: Final = {"type": "string"}
_PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "An error (RFC 9457). Programs read `code`, which is stable; docs/errors.md lists all codes.",
    "type": "object",
    "properties": {
        "type": {**_TEXT, "description": "URN of the error", "examples": ["urn:dmp:error:not-found"]},
        "title": {**_TEXT, "description": "the code in words"},
        "status": {"type": "integer", "description": "the HTTP status"},
        "code": {**_TEXT, "description": "stable code of the error", "examples": ["not-found"]},
        "detail": {**_TEXT, "description": "what is wrong and what to do, in English, or French by Accept-Language"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
_CODING: Final[dict[str, Any]] = {
    "type": "object",
    "description": "the stable code of the error",
    "properties": {
        "system": {**_TEXT, "description": "the code system of errors"},
        "code": {**_TEXT, "description": "stable code of the error", "examples": ["not-found"]},
    },
}
_ISSUE: Final[dict[str, Any]] = {
    "title": "OperationOutcomeIssue",
    "description": "One fault of the request, or one warning.",
    "type": "object",
    "properties": {
        "severity": {"enum": ["fatal", "error", "warning", "information"], "description": "how grave it is"},
        "code": {**_TEXT, "description": "kind of fault (FHIR issue-type)", "examples": ["invalid"]},
        "details": {
            "type": "object",
            "description": "the stable code of the error, as a CodeableConcept",
            "properties": {"coding": {"type": "array", "items": _CODING, "description": "one coding"}},
        },
        "diagnostics": {**_TEXT, "description": "what is wrong and what to do"},
        "expression": {"type": "array", "items": _TEXT, "description": "places in the resource (FHIRPath)"},
    },
    "required": ["severity", "code"],
}
_OUTCOME: Final[dict[str, Any]] = {
    "title": "OperationOutcome",
    "description": "Errors and warnings (FHIR R4).",
    "type": "object",
    "properties": {
        "resourceType": {"const": "OperationOutcome", "description": "always OperationOutcome"},
        "issue": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/components/schemas/OperationOutcomeIssue"},
            "description": "all faults that were found",
        },
    },
    "required": ["resourceType", "issue"],
}
_RESOURCE: Final[dict[str, Any]] = {
    "title": "FhirResource",
    "description": "A resource of FHIR R4 in JSON, for example a Bundle or a DocumentReference.",
    "type": "object",
    "properties": {"resourceType": {**_TEXT, "description": "type of the resource", "examples": ["Bundle"]}},
    "required": ["resourceType"],
    "additionalProperties": True,
}
_FHIR_SCHEMAS: Final = {schema["title"]: schema for schema in (_OUTCOME, _ISSUE, _RESOURCE)}
_UNAUTHENTICATED: Final = "No valid access token."
_UNREADABLE: Final = "`bad-request`: the body cannot be read."
_INVALID: Final = "`invalid`, `nul-character`: names the parts of the request that are not valid."
_TOO_LARGE: Final = "`body-too-large`: the body is larger than this route takes."
_LANE_FULL: Final = "`bulk-lane-full`: bulk work found its lane full; see Retry-After."
_OVERLOADED: Final = "`unavailable`, `cannot-be-checked-now`: not now; see Retry-After."


def describe_errors(document: dict[str, Any]) -> None:
    """Adds the errors that every route can answer, and gives each error the schema in which it is sent."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _REPLACED:
        schemas.pop(name, None)
    for path, methods in document["paths"].items():
        schemas.update(_FHIR_SCHEMAS if is_fhir(path) else {"Problem": _PROBLEM})
        kind, name = (FHIR_JSON, "OperationOutcome") if is_fhir(path) else (PROBLEM_JSON, "Problem")
        for operation in methods.values():
            responses = operation["responses"]
            for status, description in _common_errors(operation):
                responses.setdefault(status, {"description": description})
            for status, response in responses.items():
                if status >= "400" and not _has_form(response):
                    response["content"] = {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _common_errors(operation: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns status and description of what the frame answers before a route runs."""
    errors = [("429", _LANE_FULL), ("503", _OVERLOADED)]
    if operation.get("security"):
        errors.append(("401", _UNAUTHENTICATED))
    if "requestBody" in operation:
        errors += [("400", _UNREADABLE), ("413", _TOO_LARGE)]
    if "requestBody" in operation or "parameters" in operation:
        errors.append(("422", _INVALID))
    return errors


def _has_form(response: dict[str, Any]) -> bool:
    """Whether the route itself states the schema of this error."""
    forms = [media.get("schema", {}).get("$ref", "") for media in response.get("content", {}).values()]
    return bool(forms) and not any(form.endswith(f"/{_REPLACED[0]}") for form in forms)
