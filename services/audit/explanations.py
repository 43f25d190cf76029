"""What audit answers to why: codes for programs, and the words in the reader's language."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.audit.explaining import Explanation, Group, Step
from shared.access import RULES_VERSION


class StepView(BaseModel):
    """One question of the rules, in the order in which it was asked."""

    code: str = Field(description="of the requirement; the last one that is not met is the reason of a refusal")
    met: bool
    question: str
    answer: str
    facts: dict[str, Any] = Field(description="what it looked at; what is not named was not known to be so")

    @classmethod
    def of(cls, step: Step) -> "StepView":
        """As it is shown."""
        return cls(code=step.code, met=step.met, question=step.question, answer=step.answer, facts=dict(step.facts))


class GroupView(BaseModel):
    """The answer about all documents of a search that have these facts in common."""

    outcome: str
    reason: str
    sentence: str
    facts: dict[str, Any]

    @classmethod
    def of(cls, group: Group) -> "GroupView":
        """As it is shown."""
        return cls(outcome=group.outcome, reason=group.reason, sentence=group.sentence, facts=dict(group.facts))


class ExplanationView(BaseModel):
    """Why something was permitted or refused. `steps` are missing where the rules have changed since, where no
    decision of the rules lies behind the entry, and of a search that was let through for some of its documents."""

    event_id: UUID
    occurred_at: datetime
    action: str
    outcome: str
    reason: str | None
    mode: str
    document_id: UUID | None
    sentence: str = Field(description="the whole in one sentence, in French or English")
    rules_version: str | None = Field(description="of the rules that decided")
    rules_version_now: str
    recomputed: bool = Field(description="the rules were asked again with the facts of then")
    matrix: str | None = Field(description="the version of the national matrix that counted")
    steps: list[StepView]
    combinations: list[GroupView] = Field(description="of a search: the answer for each kind of document")

    @classmethod
    def of(cls, told: Explanation) -> "ExplanationView":
        """As it is shown."""
        entry = told.entry
        return cls(
            event_id=entry.event_id,
            occurred_at=entry.occurred_at,
            action=entry.action,
            outcome=entry.outcome,
            reason=entry.reason,
            mode=entry.mode,
            document_id=entry.document_id,
            sentence=told.sentence,
            rules_version=entry.rules_version,
            rules_version_now=RULES_VERSION,
            recomputed=told.recomputed,
            matrix=entry.details.get("matrix"),
            steps=[StepView.of(one) for one in told.steps],
            combinations=[GroupView.of(one) for one in told.groups],
        )
