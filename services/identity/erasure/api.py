"""The routes of erasures: the decision, the progress, and the receipt."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response

from services.identity.erasure.domain import ErasureRules
from services.identity.erasure.models import EraseBody, ErasureView, ReceiptKeysView
from services.identity.erasure.steps.destruction import ErasureRequest
from services.identity.erasure.usecases.erase_record import erase_record
from services.identity.erasure.usecases.read_erasure import ErasureProgress, read_erasure, read_receipt
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.lifecycle.api.lifecycle import ProvidedLifecycleRules
from services.identity.lifecycle.domain.lifecycle import party_of
from services.identity.lifecycle.steps import LifecycleRequest
from shared.db.pool import Pool
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.dependencies import provided
from shared.http.door import Door
from shared.http.prefer import seconds_to_wait, wait_for
from shared.runtime import clock

router = APIRouter(route_class=Door, tags=["erasure"])
ProvidedErasureRules = Annotated[ErasureRules, Depends(provided(ErasureRules))]
SCOPE = "records.erase"
RECEIPT = "application/jose"
CACHE_HEADERS = {"cache-control": "public, max-age=300"}
Prefer = Annotated[str | None, Header(description="`wait=N`: waits up to N seconds (10 at most) until it is complete")]


@router.post(
    "/records/{record_id}/erase",
    operation_id="eraseRecord",
    summary="Erase a record permanently",
    status_code=202,
    responses={
        200: {"model": ErasureView, "description": "Complete: all services have acknowledged"},
        202: {"model": ErasureView, "description": "Decided; not all services have acknowledged yet"},
        **problems(_403="needs the scope records.erase", _404="record-unknown"),
    },
)
async def post_erasure(
    record_id: UUID,
    body: EraseBody,
    response: Response,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    rules: ProvidedLifecycleRules,
    prefer: Prefer = None,
) -> ErasureView:
    """Erases on a decision under the GDPR (article 17). It cannot be undone.

    Erasing a record again returns the existing erasure.
    """
    caller.require(SCOPE)
    lifecycle_request = LifecycleRequest("erase", party_of(caller.kind, caller.record_id, record_id), caller.actor())
    request = ErasureRequest(lifecycle_request, body.reason, clock.now())
    erasure = await erase_record(storage, rules, record_id, request)
    progress = await _erasure_progress(storage.pool, erasure.id, prefer)
    response.headers["location"] = f"/erasures/{erasure.id}"
    response.status_code = 200 if progress.erasure.receipt else 202
    return ErasureView.of(progress)


@router.get(
    "/erasures/{erasure_id}",
    operation_id="getErasure",
    summary="Read the progress of an erasure",
    responses=problems(_403="needs the scope records.erase", _404="erasure-unknown"),
)
async def get_erasure(
    erasure_id: UUID, caller: AuthenticatedCaller, pool: ServicePool, prefer: Prefer = None
) -> ErasureView:
    """Returns the progress: `missing` lists the services that have not acknowledged it yet."""
    caller.require(SCOPE)
    return ErasureView.of(await _erasure_progress(pool, erasure_id, prefer))


@router.get(
    "/erasures/{erasure_id}/receipt",
    operation_id="getErasureReceipt",
    summary="Read the signed receipt of an erasure",
    response_class=Response,
    responses={
        200: {"content": {RECEIPT: {"schema": {"type": "string"}}}, "description": "JWS, compact, Ed25519"},
        **problems(_403="needs the scope records.erase", _404="erasure-unknown", _409="erasure-incomplete"),
    },
)
async def get_receipt(erasure_id: UUID, caller: AuthenticatedCaller, pool: ServicePool) -> Response:
    """Returns the receipt: what was destroyed, when, and from when no backup can restore it.

    `dmp verify-receipt` verifies it.
    """
    caller.require(SCOPE)
    return Response(await read_receipt(pool, erasure_id), media_type=RECEIPT)


@router.get(
    "/.well-known/erasure-receipt-keys.json",
    operation_id="getReceiptKeys",
    summary="Read the keys that sign erasure receipts",
)
async def get_receipt_keys(response: Response, rules: ProvidedErasureRules) -> ReceiptKeysView:
    """Returns the public keys (RFC 7517). A key that has signed stays published while its receipts may be presented."""
    response.headers.update(CACHE_HEADERS)
    return ReceiptKeysView(keys=rules.receipts.public_jwks())


async def _erasure_progress(pool: Pool, erasure_id: UUID, prefer: str | None) -> ErasureProgress:
    return await wait_for(
        lambda: read_erasure(pool, erasure_id),
        lambda progress: progress.erasure.receipt is not None,
        seconds_to_wait(prefer),
    )
