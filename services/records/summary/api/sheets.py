"""The route GET /records/{id}/summary: the summary sheet of a record."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED
from services.records.kit.requests import access_headers, caller_of
from services.records.summary.api.resources import sheet_body
from services.records.summary.models import SummaryView
from services.records.summary.usecases.show_summary import show_summary
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["Summary"])
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": SummaryView, "description": "The sheet, with an ETag of its content."},
    403: {"description": "This kind of token reads no sheet."},
    404: {"description": "There is no such record, or you may not know of it."},
    503: {"description": "`cannot-be-checked-now`: your rights cannot be checked now; see Retry-After."},
}


@router.get(
    "/records/{record_id}/summary",
    operation_id="readSummary",
    summary="Read the summary sheet of a record",
    response_class=Response,
    openapi_extra=AUTHENTICATED,
    responses=_ANSWERS,
)
async def get_summary(record_id: UUID, request: Request, context: InjectedReadContext) -> Response:
    """Returns what the facts of the documents say that you may see, proposed or confirmed by the médecin traitant.

    Nothing in a chapter means that nothing is in the record, never that there is nothing. The person may have masked
    information. Each reading is in the ledger, with the documents of which the sheet was made.
    """
    opened = await show_summary(context, await caller_of(request), record_id)
    body = sheet_body(opened.sheet, opened.confirmable)
    headers = {"cache-control": "no-store", "etag": body.etag, **access_headers(request)}
    return Response(body.content, 200, headers, "application/json")
