"""Renders errors: as OperationOutcome under /fhir, as problem+json elsewhere."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from services.records.kit.requests import access_headers
from shared.fhir.outcomes import operation_outcome
from shared.fhir.submission import InvalidSubmissionError
from shared.fhir.write import FHIR_JSON
from shared.http import outcomes
from shared.http.problems import NO_METHOD, NO_PATH

WHERE_TO_LOOK: Final = (
    "GET /fhir/metadata lists the resources and interactions; a deposit is a transaction: POST /fhir."
)


def render(request: Request, status: int, code: str, detail: str) -> Response:
    """Returns the answer to an error, in the format of the path, with the emergency mode of the request."""
    if outcomes.is_fhir(request.url.path) and detail.startswith((NO_PATH, NO_METHOD)):
        detail = f"{detail} {WHERE_TO_LOOK}"
    answer = outcomes.render(request, status, code, detail)
    answer.headers.update(access_headers(request))
    return answer


def refused_submission(error: InvalidSubmissionError) -> Response:
    """Returns all issues of a submission, as an OperationOutcome."""
    status = 400 if error.malformed else error.status
    return Response(operation_outcome(error.issues), status, media_type=FHIR_JSON)
