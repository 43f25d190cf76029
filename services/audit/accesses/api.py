"""The routes with which the patient side reads who did what with a record, in pages or as one signed file."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from services.audit.accesses.adapters import MEDIA_TYPE, AccessFileWriter
from services.audit.accesses.models import AccessesView, AccessListKeysView, whole_views
from services.audit.accesses.usecases.list_accesses import (
    AccessList,
    PagePlace,
    list_accesses,
    list_all_accesses,
    newest_cursor,
)
from services.audit.ledger.domain.cursors import LedgerCursor
from shared.crypto.signatures import SignatureKeys
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller, MaxCopyAge, ServicePool
from shared.http.dependencies import provided
from shared.http.door import Door
from shared.runtime import clock

LONGEST_PAGE = 200
InjectedSignatureKeys = Annotated[SignatureKeys, Depends(provided(SignatureKeys))]
router = APIRouter(route_class=Door, tags=["accesses"])


@router.get(
    "/records/{record_id}/accesses",
    operation_id="listAccesses",
    summary="List who did what with a record",
    responses={
        403: {"description": "`forbidden`: only the patient or a representative may read this list."},
        404: {"description": "`not-found`: no such record, not the caller's, or closed and the caller is no patient."},
        503: {"description": "`cannot-be-checked-now`: whether the record is open; to representatives only."},
        422: {"description": "`cursor-invalid`, `invalid`"},
    },
)
async def get_accesses(  # noqa: PLR0913  # each is a parameter of the query
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    max_copy_age: MaxCopyAge,
    before: Annotated[str | None, Query(max_length=80, description="`next` of the previous page, or a time")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
    own: Annotated[Literal["shown", "hidden"], Query(description="`hidden`: own acts are counted only")] = "shown",
    document: Annotated[UUID | None, Query(description="only entries about this document")] = None,
) -> AccessesView:
    """Returns entries newest first, refusals included; of both records if a person has two linked ones.

    Equal entries that follow one another are one line of a page. Each request becomes an entry of the list itself, a
    moment later.
    """
    cursor = newest_cursor() if before is None else LedgerCursor.parse(before)
    place = PagePlace(cursor, limit, own == "hidden", document)
    return AccessesView.of(await list_accesses(pool, record_id, caller, place, max_copy_age))


@router.get(
    "/records/{record_id}/accesses/file",
    operation_id="exportAccesses",
    summary="Get the whole list of accesses as a signed file",
    response_class=Response,
    responses={
        200: {
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
            "description": "JSON lines, the last one signed",
        },
        403: {"description": "`forbidden`: only the patient or a representative may read this list."},
        404: {"description": "`not-found`: no such record, not the caller's, or closed and the caller is no patient."},
        503: {"description": "`cannot-be-checked-now`: whether the record is open; to representatives only."},
    },
)
@urgent(Urgency.BULK)
async def get_access_file(
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    max_copy_age: MaxCopyAge,
    keys: InjectedSignatureKeys,
) -> Response:
    """Returns a head, one line for each entry as in the list, newest first, and a line with the signature.

    The signature (JWS, Ed25519) states the number of entries and the SHA-256 of all bytes before its line, so that
    neither a changed nor a missing line goes unnoticed: `dmp verify-export` checks it.
    """
    pages = list_all_accesses(pool, record_id, caller, newest_cursor(), max_copy_age)
    first = await anext(pages)  # before the answer begins, so that a refusal is one
    headers = {"cache-control": "no-store", "content-disposition": 'attachment; filename="accesses.jsonl"'}
    return StreamingResponse(_access_file(record_id, first, pages, keys), 200, headers, MEDIA_TYPE)


@router.get(
    "/.well-known/access-list-keys.json",
    operation_id="getAccessListKeys",
    summary="Read the keys that sign lists of accesses",
)
async def get_access_list_keys(response: Response, keys: InjectedSignatureKeys) -> AccessListKeysView:
    """Returns the public keys (RFC 7517). A key that has signed stays published while its lists may be presented."""
    response.headers["cache-control"] = "public, max-age=300"
    return AccessListKeysView(keys=keys.public_jwks())


async def _access_file(
    record_id: UUID, first: AccessList, further: AsyncIterator[AccessList], keys: SignatureKeys
) -> AsyncIterator[bytes]:
    writer = AccessFileWriter(record_id, clock.now())
    yield writer.head()
    yield writer.entries(_views(first))
    async for accesses in further:
        yield writer.entries(_views(accesses))
    yield writer.signature(keys)


def _views(accesses: AccessList) -> list[BaseModel]:
    return whole_views(accesses.page.entries, accesses.page.names, accesses.own_ids)
