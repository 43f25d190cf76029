"""The common parts of the OpenAPI documentation of routes that parse and write bytes themselves."""

from typing import Any

from starlette.responses import Response

from shared.fhir.write import FHIR_JSON
from shared.http.app import SECURITY_SCHEME
from shared.http.described_errors import FHIR_RESOURCE

AUTHENTICATED: dict[str, Any] = {"security": [{SECURITY_SCHEME: []}]}
BYTES: dict[str, Any] = {"tags": ["FHIR"], "response_class": Response}
BINARY = {"schema": {"type": "string", "format": "binary"}}
"""Any bytes, in the media type that the response states."""


def resource(description: str) -> dict[str, Any]:
    """Returns a response whose content is a FHIR resource."""
    return {"description": description, "content": {FHIR_JSON: FHIR_RESOURCE}}


def outcome(description: str) -> dict[str, Any]:
    """Returns an error, whose content is an OperationOutcome."""
    return {"description": description}


UNAUTHENTICATED = {401: outcome("No valid access token.")}
NOT_ACCEPTABLE = {406: outcome("Another format than JSON was asked for, by `_format` or Accept.")}
HIDDEN = {
    403: outcome("This kind of token never permits this."),
    404: outcome("There is no such resource, or you may not know of it."),
    503: outcome("The patient's choices cannot be checked now; see Retry-After."),
}
SEARCH_ROUTE: dict[str, Any] = {
    **BYTES,
    "description": "An unknown parameter is refused, or ignored with `Prefer: handling=lenient`. The link `self` holds "
    "the parameters that were used; `total` counts the matches of all pages.",
    "responses": {
        200: resource("A searchset Bundle; also empty for an unknown patient, and where you may not search."),
        400: outcome("A parameter is missing or not understood."),
        **UNAUTHENTICATED,
        **NOT_ACCEPTABLE,
        403: HIDDEN[403],
        503: HIDDEN[503],
    },
}


def query(name: str, description: str, example: str) -> dict[str, Any]:
    """Returns a parameter of the URL."""
    return {
        "name": name,
        "in": "query",
        "schema": {"type": "string"},
        "description": description,
        "example": example,
    }
