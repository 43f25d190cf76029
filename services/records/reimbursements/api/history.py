"""The history of reimbursements for the patient side and professionals, as JSON."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED
from services.records.kit.requests import access_headers, caller_of
from services.records.reimbursements.domain.history import HistoryQuery, parse_period
from services.records.reimbursements.domain.lines import Kind
from services.records.reimbursements.models import History, history_of
from services.records.reimbursements.usecases.read_history import HistoryRules, read_history
from shared.http.dependencies import provided
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["Reimbursements"])
InjectedHistoryRules = Annotated[HistoryRules, Depends(provided(HistoryRules))]


def history_query(
    period: Annotated[str, Query(description="first and last day of care", examples=["2026-01-01/2026-06-30"])] = "/",
    kind: Annotated[Kind | None, Query(description="all kinds without it")] = None,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> HistoryQuery:
    """Returns what is asked for. Raises PeriodError."""
    first, last = parse_period(period)
    return HistoryQuery(first, last, kind, page)


@router.get(
    "/records/{record_id}/history",
    summary="Read the history of reimbursements",
    response_model_exclude_none=True,
    openapi_extra=AUTHENTICATED,
    responses={404: {"description": "There is no such record, or you may not know of it."}},
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
