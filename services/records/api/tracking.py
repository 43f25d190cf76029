"""The tracking of one's own deposits."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query

from services.records.depositing import depositing
from services.records.models import DepositList, DepositProgress, DocumentProgress, LostDepositView
from services.records.store.lost import list_lost
from services.records.store.tracking import TrackedDeposit, TrackedDocument
from services.records.usecases.show_deposits import FIRST, show_deposit, show_deposits, told_reason
from shared.errors import NotFoundError
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door
from shared.moments import Moment

router = APIRouter(route_class=Door, tags=["Tracking"])


@router.get(
    "/deposits/{deposit_id}",
    summary="How far a deposit has come",
    responses={404: {"description": "No such deposit of yours."}},
)
async def get_deposit(deposit_id: UUID, caller: AuthenticatedCaller, pool: ServicePool) -> DepositProgress:
    """Received, checked, published or refused, audited, alert handled, with their times.

    Whether the patient was alerted or not is never told.
    """
    found = await show_deposit(pool, depositing(caller).owner, deposit_id)
    if found is None:
        raise NotFoundError
    return progress_of(found)


@router.get("/deposits", summary="One's own deposits since a moment")
async def list_deposits(
    caller: AuthenticatedCaller,
    pool: ServicePool,
    since: Annotated[Moment, Query(description="ISO 8601 with a zone", examples=["2026-11-22T10:00:00Z"])],
    after: Annotated[UUID, Query(description="taken from `next` of a page")] = FIRST,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DepositList:
    """Received at that moment or later, oldest first.

    A deposit that was being kept while this was asked may come before others that are listed already: ask again from a
    few seconds before the last.
    """
    found = await show_deposits(pool, depositing(caller).owner, since, after=after, limit=limit)
    return DepositList(deposits=[progress_of(one) for one in found.deposits], next=_next(since, found.after, limit))


@router.get("/lost-deposits", summary="Deposits that went with a failure of the database, for operators")
async def list_lost_deposits(
    caller: AuthenticatedCaller, pool: ServicePool, limit: Annotated[int, Query(ge=1, le=5000)] = 1000
) -> list[LostDepositView]:
    """The latest first. Each depositor sees its own as `lost` and can deposit them again."""
    caller.require("operations")
    async with pool.acquire() as connection:
        return [LostDepositView.model_validate(one) for one in await list_lost(connection, limit)]


def _next(since: datetime, after: UUID | None, limit: int) -> str | None:
    if after is None:
        return None
    return f"/deposits?{urlencode({'since': since.isoformat(), 'after': after, 'limit': limit})}"


def progress_of(deposit: TrackedDeposit) -> DepositProgress:
    """The same for who follows it."""
    return DepositProgress(
        deposit_id=deposit.id,
        received_at=deposit.received_at,
        documents=[_document(one) for one in deposit.documents],
    )


def _document(one: TrackedDocument) -> DocumentProgress:
    refused = one.status == "refused"
    return DocumentProgress(
        document_id=one.id,
        status=one.status,
        received_at=one.received_at,
        checked_at=one.checked_at,
        published_at=None if refused else one.settled_at,
        refused_at=one.settled_at if refused else None,
        reason=told_reason(one.reason) if refused and one.reason else None,
        audited_at=one.audited_at,
        alert_handled_at=one.alert_handled_at,
    )
