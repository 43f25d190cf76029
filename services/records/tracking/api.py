"""The routes with which depositors track their own deposits."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from services.records.documents.domain.fact_states import facts_text
from services.records.kit.documentation import (
    AUTHENTICATED,
    BYTES,
    HIDDEN,
    NOT_ACCEPTABLE,
    UNAUTHENTICATED,
    outcome,
    resource,
)
from services.records.kit.requests import caller_of
from services.records.tracking import store
from services.records.tracking.models import DepositList, DepositProgress, DocumentProgress, FactsProgress
from services.records.tracking.steps.depositor import depositor_of
from services.records.tracking.store import TrackedDeposit, TrackedDocument
from shared.errors import NotFoundError
from shared.fhir.deposit_list import ListedDocument, deposit_list
from shared.fhir.write import FHIR_JSON
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door
from shared.http.problems import prefers_french
from shared.moments import Moment
from shared.runtime import clock

READ_LIST: dict[str, Any] = {
    **BYTES,
    "operation_id": "readList",
    "summary": "Follow a deposit, as a FHIR List",
    "description": "The List that the answer to a deposit names. `entry.flag` of each document: received, published, "
    "refused with the reason, or lost. GET /deposits/{id} also tells the times of each step.",
    "responses": {
        200: resource("The List."),
        **UNAUTHENTICATED,
        **NOT_ACCEPTABLE,
        403: HIDDEN[403],
        404: outcome("You have no such deposit."),
    },
    "openapi_extra": {
        **AUTHENTICATED,
        "parameters": [
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "id of the deposit",
                "schema": {"type": "string", "format": "uuid"},
            }
        ],
    },
}
router = APIRouter(route_class=Door, tags=["Tracking"])
FIRST_ID = UUID(int=0)
_NO_DEPOSITOR: dict[int | str, dict[str, Any]] = {403: {"description": "`forbidden`: this token deposits nothing."}}


@router.get(
    "/deposits/{deposit_id}",
    operation_id="getDeposit",
    summary="Follow a deposit",
    responses={**_NO_DEPOSITOR, 404: {"description": "You have no such deposit."}},
)
async def get_deposit(
    deposit_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    accept_language: Annotated[str, Header()] = "",
) -> DepositProgress:
    """Returns the times of its steps: received, checked, published or refused, audited, alert handled; and what became
    of reading its facts.

    Whether the patient was alerted is never disclosed.
    """
    owner = depositor_of(caller).owner
    async with pool.acquire() as connection:
        deposit = await store.find_deposit(connection, owner, deposit_id)
    if deposit is None:
        raise NotFoundError
    return progress_of(deposit, french=prefers_french(accept_language))


@router.get(
    "/deposits", operation_id="listDeposits", summary="List your deposits since a moment", responses=_NO_DEPOSITOR
)
async def list_deposits(
    caller: AuthenticatedCaller,
    pool: ServicePool,
    since: Annotated[Moment, Query(description="ISO 8601 with a zone", examples=["2026-11-22T10:00:00Z"])],
    after: Annotated[UUID, Query(description="from `next` of the page before")] = FIRST_ID,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    accept_language: Annotated[str, Header()] = "",
) -> DepositList:
    """Lists the deposits received at that moment or later, oldest first.

    A deposit that was being stored during the request may sort before listed ones: begin the next request a few seconds
    before the last deposit.
    """
    owner, first_id = depositor_of(caller).owner, clock.first_id_at(since)
    async with pool.acquire() as connection:
        page = await store.list_deposits(connection, owner, since=first_id, after=after, limit=limit)
    french = prefers_french(accept_language)
    deposits = [progress_of(deposit, french=french) for deposit in page.deposits]
    return DepositList(deposits=deposits, next=_next(since, page.after, limit))


@router.get("/fhir/List/{id}", **READ_LIST)
async def read_list(request: Request, pool: ServicePool) -> Response:
    """Returns one of the caller's deposits as a List, so that a FHIR client can follow it."""
    owner = depositor_of(await caller_of(request)).owner
    try:
        id = UUID(request.path_params["id"])
    except ValueError as error:
        raise NotFoundError from error
    async with pool.acquire() as connection:
        deposit = await store.find_deposit(connection, owner, id)
    if deposit is None:
        raise NotFoundError
    body = deposit_list(str(deposit.id), deposit.received_at, [_listed(document) for document in deposit.documents])
    return Response(body, 200, {"cache-control": "no-store"}, FHIR_JSON)


def _next(since: datetime, after: UUID | None, limit: int) -> str | None:
    if after is None:
        return None
    return f"/deposits?{urlencode({'since': since.isoformat(), 'after': after, 'limit': limit})}"


def progress_of(deposit: TrackedDeposit, *, french: bool) -> DepositProgress:
    """Returns the progress of a deposit in the form of the API, its sentences in French or English."""
    return DepositProgress(
        deposit_id=deposit.id,
        received_at=deposit.received_at,
        documents=[_document(document, french=french) for document in deposit.documents],
    )


def _document(document: TrackedDocument, *, french: bool) -> DocumentProgress:
    is_refused = document.status == "refused"
    return DocumentProgress(
        document_id=document.id,
        status=document.status,
        received_at=document.received_at,
        checked_at=document.checked_at,
        published_at=None if is_refused else document.settled_at,
        refused_at=document.settled_at if is_refused else None,
        reason=document.disclosed_reason,
        audited_at=document.audited_at,
        alert_handled_at=document.alert_handled_at,
        facts=_facts(document, french=french),
    )


def _facts(document: TrackedDocument, *, french: bool) -> FactsProgress | None:
    if document.facts is None:
        return None
    text = facts_text(document.facts, document.facts_reason, french=french)
    return FactsProgress(state=document.facts, reason=document.facts_reason, text=text)


def _listed(document: TrackedDocument) -> ListedDocument:
    since = document.settled_at or document.received_at
    return ListedDocument(str(document.id), since, document.status, document.disclosed_reason)
