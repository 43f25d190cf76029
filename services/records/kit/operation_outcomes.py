"""Renders errors: as OperationOutcome under /fhir, as problem+json elsewhere."""

from starlette.requests import Request
from starlette.responses import Response

from services.records.kit.requests import access_headers
from shared.fhir.outcomes import operation_outcome
from shared.fhir.submission import InvalidSubmissionError
from shared.fhir.write import FHIR_JSON
from shared.http import outcomes


def render(request: Request, status: int, code: str, detail: str) -> Response:
    """Returns the answer to an error, in the format of the path, with the emergency mode of the request."""
    answer = outcomes.render(request, status, code, detail)
    answer.headers.update(access_headers(request))
    return answer


def refused_submission(error: InvalidSubmissionError) -> Response:
    """Returns all issues of a submission, as an OperationOutcome."""
    status = 400 if error.malformed else error.status
    return Response(operation_outcome(error.issues), status, media_type=FHIR_JSON)
