"""Describes errors in OpenAPI as this frame sends them, in place of FastAPI's own descriptions."""

from typing import Any, Final

from fastapi import FastAPI

from shared.fhir.write import FHIR_JSON
from shared.http.outcomes import is_fhir

PROBLEM_JSON: Final = "application/problem+json"
_REPLACED: Final = ("HTTPValidationError", "ValidationError")
_TEXT: Final = {"type": "string"}
_PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457.",
    "type": "object",
    "properties": {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "code": _TEXT, "detail": _TEXT},
    "required": ["type", "title", "status", "code", "detail"],
}
_OUTCOME: Final[dict[str, Any]] = {
    "title": "OperationOutcome",
    "description": "FHIR R4.",
    "type": "object",
    "properties": {
        "resourceType": {"const": "OperationOutcome"},
        "issue": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    },
    "required": ["resourceType", "issue"],
}


class DescribedApi(FastAPI):
    """An app whose OpenAPI document states the media type and schema of every error."""

    def openapi(self) -> dict[str, Any]:
        """Returns the document, which is built once."""
        if self.openapi_schema is None:
            _describe_errors(super().openapi())
        return super().openapi()


def _describe_errors(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _REPLACED:
        schemas.pop(name, None)
    for path, methods in document["paths"].items():
        kind, form = (FHIR_JSON, _OUTCOME) if is_fhir(path) else (PROBLEM_JSON, _PROBLEM)
        name = form["title"]
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if status >= "400" and not _has_form(response):
                    schemas[name] = form
                    response["content"] = {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _has_form(response: dict[str, Any]) -> bool:
    """Whether the route itself states the schema of this error."""
    forms = [media.get("schema", {}).get("$ref", "") for media in response.get("content", {}).values()]
    return bool(forms) and not any(form.endswith(f"/{_REPLACED[0]}") for form in forms)
