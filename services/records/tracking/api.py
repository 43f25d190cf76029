"""The routes with which depositors track their own deposits."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query

from services.records.tracking import store
from services.records.tracking.domain import disclosed_reason
from services.records.tracking.models import DepositList, DepositProgress, DocumentProgress
from services.records.tracking.steps.depositor import depositor_of
from services.records.tracking.store import TrackedDeposit, TrackedDocument
from shared.errors import NotFoundError
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door
from shared.moments import Moment
from shared.runtime import clock

router = APIRouter(route_class=Door, tags=["Tracking"])
FIRST_ID = UUID(int=0)
_NO_DEPOSITOR: dict[int | str, dict[str, Any]] = {403: {"description": "`forbidden`: this token deposits nothing."}}


@router.get(
    "/deposits/{deposit_id}",
    operation_id="getDeposit",
    summary="Follow a deposit",
    responses={**_NO_DEPOSITOR, 404: {"description": "You have no such deposit."}},
)
async def get_deposit(deposit_id: UUID, caller: AuthenticatedCaller, pool: ServicePool) -> DepositProgress:
    """Returns the times of its steps: received, checked, published or refused, audited, alert handled.

    Whether the patient was alerted is never disclosed.
    """
    owner = depositor_of(caller).owner
    async with pool.acquire() as connection:
        deposit = await store.find_deposit(connection, owner, deposit_id)
    if deposit is None:
        raise NotFoundError
    return progress_of(deposit)


@router.get(
    "/deposits", operation_id="listDeposits", summary="List your deposits since a moment", responses=_NO_DEPOSITOR
)
async def list_deposits(
    caller: AuthenticatedCaller,
    pool: ServicePool,
    since: Annotated[Moment, Query(description="ISO 8601 with a zone", examples=["2026-11-22T10:00:00Z"])],
    after: Annotated[UUID, Query(description="from `next` of the page before")] = FIRST_ID,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DepositList:
    """Lists the deposits received at that moment or later, oldest first.

    A deposit that was being stored during the request may sort before listed ones: begin the next request a few seconds
    before the last deposit.
    """
    owner, first_id = depositor_of(caller).owner, clock.first_id_at(since)
    async with pool.acquire() as connection:
        page = await store.list_deposits(connection, owner, since=first_id, after=after, limit=limit)
    return DepositList(
        deposits=[progress_of(deposit) for deposit in page.deposits], next=_next(since, page.after, limit)
    )


def _next(since: datetime, after: UUID | None, limit: int) -> str | None:
    if after is None:
        return None
    return f"/deposits?{urlencode({'since': since.isoformat(), 'after': after, 'limit': limit})}"


def progress_of(deposit: TrackedDeposit) -> DepositProgress:
    """Returns the progress of a deposit in the form of the API."""
    return DepositProgress(
        deposit_id=deposit.id,
        received_at=deposit.received_at,
        documents=[_document(document) for document in deposit.documents],
    )


def _document(document: TrackedDocument) -> DocumentProgress:
    is_refused = document.status == "refused"
    return DocumentProgress(
        document_id=document.id,
        status=document.status,
        received_at=document.received_at,
        checked_at=document.checked_at,
        published_at=None if is_refused else document.settled_at,
        refused_at=document.settled_at if is_refused else None,
        reason=disclosed_reason(document.reason) if is_refused and document.reason else None,
        audited_at=document.audited_at,
        alert_handled_at=document.alert_handled_at,
    )
