"""HTTP API of audit: an operator has decisions decided again, a part of the ledger at a time."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from services.audit.ledger.domain import LedgerCursor
from services.audit.replay.domain import ReplayDifference, ReplayResult
from services.audit.replay.usecases.replay_decisions import replay_decisions
from shared.access import RELEASES, RULES_VERSION
from shared.errors import ForbiddenError
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller, LongPool
from shared.http.door import Door

MAX_ENTRIES = 2000
router = APIRouter(route_class=Door, tags=["operations"])


class ReplayForbiddenError(ForbiddenError):
    """Only an operator can have decisions decided again."""

    french = "Seul un opérateur peut faire décider à nouveau."


class AnswerView(BaseModel):
    """An answer of the rules."""

    outcome: str
    reason: str | None


class ReplayDifferenceView(BaseModel):
    """One decision with another answer now."""

    event_id: UUID
    action: str
    combination: int | None = Field(description="for a search: its place among the combinations, from 0")
    rules_version: str
    made_by: list[str] = Field(description="the versions of the rules since then, one of which made the difference")
    decided_under: str = Field(
        description="the version that gives the new answer; `rules_version` if the rules are broken"
    )
    then: AnswerView
    now: AnswerView

    @classmethod
    def of(cls, difference: ReplayDifference) -> "ReplayDifferenceView":
        """Returns the view of a difference."""
        return cls(
            event_id=difference.event_id,
            action=difference.action,
            combination=difference.combination,
            rules_version=difference.rules_version,
            made_by=list(difference.made_by),
            decided_under=difference.decided_under,
            then=AnswerView(outcome=difference.outcome, reason=difference.reason),
            now=AnswerView(outcome=difference.outcome_now, reason=difference.reason_now),
        )


class ReplayView(BaseModel):
    """The result for a part of the ledger; `next` is the `after` of the following part."""

    rules_version: str
    releases: dict[str, str] = Field(description="what each version of the rules has changed")
    entries: int
    decisions: int = Field(description="decided again; each combination of a search counts")
    without_facts: int
    unreadable: int = Field(description="decisions whose facts have another form than those of the present rules")
    differences: list[ReplayDifferenceView]
    next: str | None

    @classmethod
    def of(cls, result: ReplayResult, following: LedgerCursor | None) -> "ReplayView":
        """Returns the view of a result."""
        return cls(
            rules_version=RULES_VERSION,
            releases=dict(RELEASES),
            entries=result.entries,
            decisions=result.decisions,
            without_facts=result.without_facts,
            unreadable=result.unreadable,
            differences=[ReplayDifferenceView.of(difference) for difference in result.differences],
            next=None if following is None else str(following),
        )


@router.get(
    "/replay",
    summary="Decide again from the stored facts",
    responses={403: {"description": "`forbidden`: only operators."}, 422: {"description": "`cursor-invalid`"}},
)
@urgent(Urgency.BULK)
async def get_replay(
    caller: AuthenticatedCaller,
    pool: LongPool,
    since: Annotated[AwareDatetime, Query(alias="from")],
    until: Annotated[AwareDatetime, Query(alias="to")],
    after: Annotated[str | None, Query(max_length=80, description="`next` of the previous part")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = MAX_ENTRIES,
) -> ReplayView:
    """Oldest first. Returns codes and counts only, names nobody and writes nothing."""
    if caller.kind != "operator":
        raise ReplayForbiddenError
    caller.require("operations")
    start = LedgerCursor(since, UUID(int=0)) if after is None else LedgerCursor.parse(after)
    page = await replay_decisions(pool, start, until, limit)
    return ReplayView.of(page.result, page.last)
