"""Closing, refusal and erasure."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.domain.lifecycle import ErasureReason, LifecycleState, RequestChannel
from services.identity.domain.opening import Person
from services.identity.models.base import Body, Text
from services.identity.models.records import InsBody, TraitsBody, parse_person
from services.identity.usecases.object_to_opening import ObjectionOutcome
from services.identity.usecases.read_erasure import ErasureProgress


class CloseBody(Body):
    """The password of the holder's account, once more."""

    password: Text | None = Field(default=None, description="needed where the holder has an account")


class ObjectionBody(Body):
    """Who objects to the opening of a record, and by which way they said so."""

    ins: InsBody
    traits: TraitsBody
    channel: RequestChannel

    def person(self) -> Person:
        """Raises InvalidInsError, UnknownInsSystemError, InvalidTraitsError."""
        return parse_person(self.ins, self.traits)


class ObjectionView(BaseModel):
    """Where the person stands: `objected`, `none`, or the state of their record."""

    state: LifecycleState
    record_id: UUID | None

    @classmethod
    def of(cls, objection: ObjectionOutcome) -> "ObjectionView":
        """The view of an objection."""
        return cls(state=objection.state, record_id=objection.record_id)


class EraseBody(Body):
    """Why: only a decision can be stated; the end of the retention is found by identity itself."""

    reason: Literal["gdpr-decision"]


class ErasureView(BaseModel):
    """How far an erasure is. `missing`: services that have not acknowledged it."""

    erasure_id: UUID
    record_id: UUID
    reason: ErasureReason
    state: Literal["under-way", "complete"]
    decided_at: datetime
    completed_at: datetime | None
    missing: list[str]

    @classmethod
    def of(cls, progress: ErasureProgress) -> "ErasureView":
        """The view of an erasure."""
        erasure = progress.erasure
        return cls(
            erasure_id=erasure.id,
            record_id=erasure.record_id,
            reason=erasure.reason,
            state="complete" if erasure.receipt else "under-way",
            decided_at=erasure.decided_at,
            completed_at=erasure.completed_at,
            missing=list(progress.missing),
        )


class ReceiptKeysView(BaseModel):
    """The public keys of erasure receipts (JWKS)."""

    keys: list[dict[str, Any]]
