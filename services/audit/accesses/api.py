"""The route with which the patient side reads who did what with a record."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.audit.accesses.models import AccessesView
from services.audit.accesses.usecases.list_accesses import list_accesses
from services.audit.ledger.domain.cursors import LedgerCursor
from shared.http.app import AuthenticatedCaller, MaxCopyAge, ServicePool
from shared.http.door import Door
from shared.runtime import clock

LONGEST_PAGE = 200
_CLOCKS_DIFFER = timedelta(days=1)
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
async def get_accesses(
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    max_copy_age: MaxCopyAge,
    before: Annotated[str | None, Query(max_length=80, description="`next` of the previous page, or a time")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
) -> AccessesView:
    """Returns entries newest first, refusals included; of both records if a person has two linked ones.

    Equal refusals that follow one another are one line of a page. Each request becomes an entry of the list itself, a
    moment later.
    """
    cursor = LedgerCursor(clock.now() + _CLOCKS_DIFFER, UUID(int=0)) if before is None else LedgerCursor.parse(before)
    accesses = await list_accesses(pool, record_id, caller, cursor, limit, max_copy_age)
    page = accesses.page
    return AccessesView.of(page.entries, page.names, page.has_more, accesses.own_ids)
