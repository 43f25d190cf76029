"""Errors: OperationOutcome for everything under /fhir, problem+json elsewhere."""

from starlette.requests import Request
from starlette.responses import Response

from services.records.api.parts import flagged
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
    """The answer to an error, in the format of the path."""
    if not is_fhir(request.url.path):
        answer = problem(request, status, code, detail)
    else:
        answer = outcome(status, [Issue(code, detail, None, _TYPES.get(status, IssueType.EXCEPTION))])
    answer.headers.update(flagged(request))
    return answer


def outcome(status: int, issues: list[Issue] | tuple[Issue, ...]) -> Response:
    """An OperationOutcome."""
    return Response(operation_outcome(issues), status, media_type=FHIR_JSON)


def refused_submission(error: InvalidSubmissionError) -> Response:
    """All that is wrong with a submission, at once."""
    return outcome(400 if error.malformed else error.status, error.issues)


def is_fhir(path: str) -> bool:
    """Whether answers on this path are FHIR."""
    return path == "/fhir" or path.startswith("/fhir/")
