"""API models of erasures."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from services.identity.erasure.domain import ErasureReason
from services.identity.erasure.usecases.read_erasure import ErasureProgress
from services.identity.kit.bodies import Body


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
