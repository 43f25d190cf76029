"""Errors of an API that speaks FHIR under /fhir: OperationOutcome there, problem+json elsewhere."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from shared.fhir.outcomes import Issue, IssueType, operation_outcome
from shared.fhir.write import FHIR_JSON
from shared.http.problems import problem

_TYPES: Final = {
    400: IssueType.INVALID,
    401: IssueType.LOGIN,
    403: IssueType.FORBIDDEN,
    404: IssueType.NOT_FOUND,
    405: IssueType.NOT_SUPPORTED,
    406: IssueType.NOT_SUPPORTED,
    409: IssueType.CONFLICT,
    412: IssueType.CONFLICT,
    413: IssueType.TOO_LONG,
    415: IssueType.NOT_SUPPORTED,
    422: IssueType.BUSINESS_RULE,
    429: IssueType.TOO_COSTLY,
    503: IssueType.TRANSIENT,
}


def render(request: Request, status: int, code: str, detail: str) -> Response:
    """Returns the answer to an error, in the format of the path."""
    if not is_fhir(request.url.path):
        return problem(request, status, code, detail)
    issue = Issue(code, detail, None, _TYPES.get(status, IssueType.EXCEPTION))
    return Response(operation_outcome([issue]), status, media_type=FHIR_JSON)


def is_fhir(path: str) -> bool:
    """Whether answers on this path are FHIR."""
    return path == "/fhir" or path.startswith("/fhir/")


def without_trailing_slash(scope: Scope) -> Scope:
    """Returns the scope of a FHIR path without a slash at its end, which FHIR clients put after the base URL; others
    unchanged. A redirect would lose the body of a POST."""
    path: str = scope["path"]
    return {**scope, "path": path.removesuffix("/")} if is_fhir(path) and path.endswith("/") else scope
