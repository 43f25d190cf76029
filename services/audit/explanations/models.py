"""Responses with an explanation: codes for programs, and texts in the reader's language."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.audit.explanations.domain import CombinationAnswer, Explanation, ExplanationStep
from shared.access import RULES_VERSION


class ExplanationStepView(BaseModel):
    """One requirement of the rules, in the order of their checks."""

    code: str = Field(description="code of the requirement; the last one, if not met, is the reason of a refusal")
    met: bool
    question: str
    answer: str
    facts: dict[str, Any] = Field(description="the facts that it looked at; a missing one was not known")

    @classmethod
    def of(cls, step: ExplanationStep) -> "ExplanationStepView":
        """Returns the view of a step."""
        return cls(code=step.code, met=step.met, question=step.question, answer=step.answer, facts=dict(step.facts))


class CombinationAnswerView(BaseModel):
    """The answer about all documents of a search that have these facts in common."""

    outcome: str
    reason: str
    sentence: str
    facts: dict[str, Any]

    @classmethod
    def of(cls, answer: CombinationAnswer) -> "CombinationAnswerView":
        """Returns the view of an answer about documents."""
        return cls(outcome=answer.outcome, reason=answer.reason, sentence=answer.sentence, facts=dict(answer.facts))


class ExplanationView(BaseModel):
    """Why something was permitted or refused. `steps` is empty if the rules have changed since, if no access rule
    decided, and for a search that was permitted for some of its documents."""

    event_id: UUID
    occurred_at: datetime
    action: str
    outcome: str
    reason: str | None
    mode: str
    document_id: UUID | None
    sentence: str = Field(description="the explanation in one sentence, in French or English")
    rules_version: str | None = Field(description="the version of the rules that decided")
    rules_version_now: str
    recomputed: bool = Field(description="whether the stored facts were decided again")
    matrix: str | None = Field(description="the version of the national matrix that applied")
    steps: list[ExplanationStepView]
    combinations: list[CombinationAnswerView] = Field(
        description="for a search: the answer for each combination of document facts"
    )

    @classmethod
    def of(cls, explanation: Explanation) -> "ExplanationView":
        """Returns the view of an explanation."""
        entry = explanation.entry
        return cls(
            event_id=entry.event_id,
            occurred_at=entry.occurred_at,
            action=entry.action,
            outcome=entry.outcome,
            reason=entry.reason,
            mode=entry.mode,
            document_id=entry.document_id,
            sentence=explanation.sentence,
            rules_version=entry.rules_version,
            rules_version_now=RULES_VERSION,
            recomputed=explanation.recomputed,
            matrix=entry.details.get("matrix"),
            steps=[ExplanationStepView.of(step) for step in explanation.steps],
            combinations=[CombinationAnswerView.of(answer) for answer in explanation.combinations],
        )
