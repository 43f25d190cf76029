"""Renders errors: as OperationOutcome under /fhir, as problem+json elsewhere."""

from starlette.requests import Request
from starlette.responses import Response

from services.records.kit.requests import access_headers
from shared.fhir.outcomes import Issue, IssueType, operation_outcome
from shared.fhir.submission import InvalidSubmissionError
from shared.fhir.write import FHIR_JSON
from shared.http.problems import problem

_TYPES = {
    400: IssueType.INVALID,
    401: IssueType.LOGIN,
    403: IssueType.FORBIDDEN,
    404: IssueType.NOT_FOUND,
    405: IssueType.NOT_SUPPORTED,
    409: IssueType.CONFLICT,
    412: IssueType.CONFLICT,
    413: IssueType.TOO_LONG,
    415: IssueType.NOT_SUPPORTED,
    422: IssueType.BUSINESS_RULE,
    503: IssueType.TRANSIENT,
}


def render(request: Request, status: int, code: str, detail: str) -> Response:
    """Returns the answer to an error, in the format of the path."""
    if not is_fhir(request.url.path):
        answer = problem(request, status, code, detail)
    else:
        answer = outcome(status, [Issue(code, detail, None, _TYPES.get(status, IssueType.EXCEPTION))])
    answer.headers.update(access_headers(request))
    return answer


def outcome(status: int, issues: list[Issue] | tuple[Issue, ...]) -> Response:
    """Returns an OperationOutcome."""
    return Response(operation_outcome(issues), status, media_type=FHIR_JSON)


def refused_submission(error: InvalidSubmissionError) -> Response:
    """Returns all issues of a submission."""
    return outcome(400 if error.malformed else error.status, error.issues)


def is_fhir(path: str) -> bool:
    """Returns whether answers on this path are FHIR."""
    return path == "/fhir" or path.startswith("/fhir/")
