"""The route with which an operator has decisions decided again, a part of the ledger at a time."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.audit.ledger.domain.cursors import LedgerCursor
from services.audit.replay.domain import check_span
from services.audit.replay.models import ReplayView
from services.audit.replay.usecases.replay_decisions import replay_decisions
from shared.errors import ForbiddenError
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller, LongPool
from shared.http.door import Door
from shared.moments import Moment

MAX_ENTRIES = 2000
router = APIRouter(route_class=Door, tags=["operations"])


class ReplayForbiddenError(ForbiddenError):
    """Only an operator can have decisions decided again."""

    french = "Seul un opérateur peut faire décider à nouveau."


@router.get(
    "/replay",
    operation_id="replayDecisions",
    summary="Decide again from the stored facts",
    responses={
        403: {"description": "`forbidden`: only operators."},
        422: {"description": "`cursor-invalid`, `span-invalid`"},
    },
)
@urgent(Urgency.BULK)
async def get_replay(
    caller: AuthenticatedCaller,
    pool: LongPool,
    since: Annotated[Moment, Query(alias="from")],
    until: Annotated[Moment, Query(alias="to")],
    after: Annotated[str | None, Query(max_length=80, description="`next` of the previous part")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = MAX_ENTRIES,
) -> ReplayView:
    """Decides a part of the ledger again, oldest first. Returns codes and counts only, and writes nothing."""
    if caller.kind != "operator":
        raise ReplayForbiddenError
    caller.require("operations")
    check_span(since, until)
    start = LedgerCursor(since, UUID(int=0)) if after is None else LedgerCursor.parse(after)
    page = await replay_decisions(pool, start, until, limit)
    return ReplayView.of(page.result, page.last)
