"""API models of closing, objection and erasure."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.domain.lifecycle import ErasureReason, LifecycleState, RequestChannel
from services.identity.domain.new_person import Person
from services.identity.models.base import Body, Text
from services.identity.models.records import InsBody, TraitsBody, parse_person
from services.identity.usecases.object_to_opening import ObjectionOutcome
from services.identity.usecases.read_erasure import ErasureProgress


class CloseBody(Body):
    """The password of the holder's account, as a confirmation."""

    password: Text | None = Field(default=None, description="needed where the holder has an account")


class ObjectionBody(Body):
    """The person who objects to the opening of a record, and the channel of their statement."""

    ins: InsBody
    traits: TraitsBody
    channel: RequestChannel

    def person(self) -> Person:
        """Returns the person. Raises InvalidInsError, UnknownInsSystemError, InvalidTraitsError."""
        return parse_person(self.ins, self.traits)


class ObjectionView(BaseModel):
    """The person's state: `objected`, `none`, or the state of their record."""

    state: LifecycleState
    record_id: UUID | None

    @classmethod
    def of(cls, objection: ObjectionOutcome) -> "ObjectionView":
        """Returns the view of the outcome."""
        return cls(state=objection.state, record_id=objection.record_id)


class EraseBody(Body):
    """The reason. Only a decision can be stated; identity itself detects the end of the retention period."""

    reason: Literal["gdpr-decision"]


class ErasureView(BaseModel):
    """The progress of an erasure. `missing`: services that have not acknowledged it."""

    erasure_id: UUID
    record_id: UUID
    reason: ErasureReason
    state: Literal["under-way", "complete"]
    decided_at: datetime
    completed_at: datetime | None
    missing: list[str]

    @classmethod
    def of(cls, progress: ErasureProgress) -> "ErasureView":
        """Returns the view of an erasure."""
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
