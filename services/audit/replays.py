"""HTTP of audit: an operator has decisions decided again, a part of the ledger at a time."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from services.audit.domain import Cursor
from services.audit.replaying import Difference, Replayed
from services.audit.usecases.replay_decisions import replay_decisions
from shared.access import RELEASES, RULES_VERSION
from shared.errors import ForbiddenError
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller, LongPool
from shared.http.door import Door

AT_ONCE = 2000
router = APIRouter(route_class=Door, tags=["operations"])


class ReplayForbiddenError(ForbiddenError):
    """Only an operator can have decisions decided again."""

    french = "Seul un opérateur peut faire décider à nouveau."


class AnswerView(BaseModel):
    """What the rules say."""

    outcome: str
    reason: str | None


class DifferenceView(BaseModel):
    """One decision that is answered otherwise now."""

    event_id: UUID
    action: str
    combination: int | None = Field(description="of a search: its place among the combinations, from 0")
    rules_version: str
    made_by: list[str] = Field(description="the versions of the rules since then: one of these releases made it")
    decided_under: str = Field(description="the version that answers so; `rules_version` where the rules were broken")
    then: AnswerView
    now: AnswerView

    @classmethod
    def of(cls, one: Difference) -> "DifferenceView":
        """As it is shown."""
        return cls(
            event_id=one.event_id,
            action=one.action,
            combination=one.combination,
            rules_version=one.rules_version,
            made_by=list(one.made_by),
            decided_under=one.decided_under,
            then=AnswerView(outcome=one.outcome, reason=one.reason),
            now=AnswerView(outcome=one.outcome_now, reason=one.reason_now),
        )


class ReplayView(BaseModel):
    """What came of a part of the ledger; `next` is the `after` of the following part."""

    rules_version: str
    releases: dict[str, str] = Field(description="what each version of the rules has brought")
    entries: int
    decisions: int = Field(description="decided again; a search counts once for each of its combinations")
    without_facts: int
    unreadable: int = Field(description="whose facts have another form than those of these rules")
    differences: list[DifferenceView]
    next: str | None

    @classmethod
    def of(cls, done: Replayed, following: Cursor | None) -> "ReplayView":
        """As it is shown."""
        return cls(
            rules_version=RULES_VERSION,
            releases=dict(RELEASES),
            entries=done.entries,
            decisions=done.decisions,
            without_facts=done.without_facts,
            unreadable=done.unreadable,
            differences=[DifferenceView.of(one) for one in done.differences],
            next=None if following is None else str(following),
        )


@router.get(
    "/replay",
    summary="Decide again from the stored facts",
    responses={403: {"description": "`forbidden`: for operators."}, 422: {"description": "`cursor-invalid`"}},
)
@urgent(Urgency.BULK)
async def get_replay(
    caller: AuthenticatedCaller,
    pool: LongPool,
    since: Annotated[AwareDatetime, Query(alias="from")],
    until: Annotated[AwareDatetime, Query(alias="to")],
    after: Annotated[str | None, Query(max_length=80, description="`next` of the part before")] = None,
    limit: Annotated[int, Query(ge=1, le=AT_ONCE)] = AT_ONCE,
) -> ReplayView:
    """The oldest first. Codes and counts only; nobody is named, nothing is written."""
    if caller.kind != "operator":
        raise ReplayForbiddenError
    caller.require("operations")
    place = Cursor(since, UUID(int=0)) if after is None else Cursor.parse(after)
    done, following = await replay_decisions(pool, place, until, limit)
    return ReplayView.of(done, following)
