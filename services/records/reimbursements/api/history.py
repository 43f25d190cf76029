"""The history of reimbursements for the patient side and professionals, as JSON and as a CDA document."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED
from services.records.kit.requests import InsHmac, access_headers, caller_of
from services.records.reimbursements.domain.history import HistoryQuery, parse_period
from services.records.reimbursements.domain.lines import Kind
from services.records.reimbursements.models import History, PatientBody, history_of
from services.records.reimbursements.steps.open_history import HistoryRules
from services.records.reimbursements.usecases.read_history import read_history
from services.records.reimbursements.usecases.write_history import HistoryWriting, write_history
from shared.http.admission import Urgency, urgent
from shared.http.dependencies import provided
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["Reimbursements"])
_ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"description": "`period-invalid`: the period is not two days with a slash between them."},
    403: {"description": "This kind of token does not read histories, or the patient or the matrix does not allow it."},
    404: {"description": "There is no such record, or you may not know of it."},
}
InjectedHistoryRules = Annotated[HistoryRules, Depends(provided(HistoryRules))]


def history_writing(rules: InjectedHistoryRules, ins_hmac: InsHmac) -> HistoryWriting:
    """Returns what writing a history needs."""
    return HistoryWriting(rules, ins_hmac)


InjectedHistoryWriting = Annotated[HistoryWriting, Depends(history_writing)]


def history_selection(
    period: Annotated[str, Query(description="first and last day of care", examples=["2026-01-01/2026-06-30"])] = "/",
    kind: Annotated[Kind | None, Query(description="all kinds without it")] = None,
) -> HistoryQuery:
    """Returns what is asked for. Raises PeriodError."""
    first, last = parse_period(period)
    return HistoryQuery(first, last, kind)


Selection = Annotated[HistoryQuery, Depends(history_selection)]


def history_query(selection: Selection, page: Annotated[int, Query(ge=1, le=10_000)] = 1) -> HistoryQuery:
    """Returns a page of what is asked for."""
    return replace(selection, page=page)


@router.get(
    "/records/{record_id}/history",
    operation_id="readHistory",
    summary="Read the history of reimbursements",
    response_model_exclude_none=True,
    openapi_extra=AUTHENTICATED,
    responses=_ANSWERS,
)
async def get_history(
    record_id: UUID,
    request: Request,
    response: Response,
    context: InjectedReadContext,
    rules: InjectedHistoryRules,
    query: Annotated[HistoryQuery, Depends(history_query)],
) -> History:
    """Returns 50 lines a page, newest care first; each reading is in the ledger.

    Amounts are shown to the patient and representatives. Confidential care is neither shown to representatives and
    carers nor counted for them.
    """
    view = await read_history(context, rules, await caller_of(request), record_id, query)
    response.headers.update({"cache-control": "no-store", **access_headers(request, view.notices)})
    return history_of(view.page)


@router.post(
    "/records/{record_id}/history/document",
    operation_id="writeHistoryDocument",
    summary="Get the history of reimbursements as a CDA document",
    response_class=Response,
    openapi_extra=AUTHENTICATED,
    responses={
        200: {"description": "CNAM-HR 2021.01; the same bytes for the same content.", "content": {"text/xml": {}}},
        **_ANSWERS,
        422: {"description": "The INS or the traits are not those of the person of this record."},
    },
)
@urgent(Urgency.READ)
async def post_history_document(
    record_id: UUID,
    patient: PatientBody,
    request: Request,
    context: InjectedReadContext,
    writing: InjectedHistoryWriting,
    selection: Selection,
) -> Response:
    """Returns the document about the lines that you may see, of all pages; it is neither stored nor listed.

    Records knows nobody by name: name the person in the body, and the record confirms it.
    """
    written = await write_history(context, writing, await caller_of(request), record_id, patient.parsed(), selection)
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(written.content, 200, {**headers, **access_headers(request, written.notices)}, "text/xml")
