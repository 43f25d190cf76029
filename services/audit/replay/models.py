"""Responses with decisions that were decided again."""

from uuid import UUID

from pydantic import BaseModel, Field

from services.audit.ledger.domain.cursors import LedgerCursor
from services.audit.replay.domain import ReplayDifference, ReplayResult
from shared.access import RELEASES, RULES_VERSION


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
