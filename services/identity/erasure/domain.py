"""The erasure receipt: what was destroyed, when (T1), from when no backup can restore it (T2), and who attests it.

It is a JWS in compact form (RFC 7515) signed with Ed25519 (RFC 8037; `alg` Ed25519 of RFC 9864). Anyone can verify it
with the public keys alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator

from shared.contracts.declarations import SERVICES, Service
from shared.contracts.topics import CLEANED_WITHIN, COMPACTED_WITHIN, DEAD_LETTERS_KEPT, FACTS_KEPT, SEGMENT_SPAN
from shared.crypto.signatures import SignatureInvalidError, SignatureKeys, verified_payload
from shared.errors import CodedError

ErasureReason = Literal["retention-over", "gdpr-decision"]
TYPE = "erasure-receipt+jws"
MAX_LENGTH = 16 * 1024


class ReceiptInvalidError(CodedError):
    """This is not a receipt of this system, or it was altered."""

    code = "receipt-invalid"


class ErasureAcknowledgement(BaseModel):
    """The acknowledgement of one service. `destroyed`: numbers of destroyed items by plural noun."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    service: Service
    acknowledged_at: AwareDatetime
    destroyed: dict[str, int]


class Receipt(BaseModel):
    """The signed content. Each service has acknowledged once; T1 is the time of the last acknowledgement."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    erasure_id: UUID
    record_id: UUID
    reason: ErasureReason
    decided_at: AwareDatetime
    destroyed_at: AwareDatetime
    unrecoverable_from: AwareDatetime
    acknowledgements: tuple[ErasureAcknowledgement, ...]

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if tuple(acknowledgement.service for acknowledgement in self.acknowledgements) != tuple(sorted(SERVICES)):
            raise ValueError("not one acknowledgement of each service")
        if self.destroyed_at != max(acknowledgement.acknowledged_at for acknowledgement in self.acknowledgements):
            raise ValueError("destroyed_at is not the last acknowledgement's")
        if self.unrecoverable_from < self.destroyed_at:
            raise ValueError("recoverable for less than no time")
        return self


def longest_retention(backups: timedelta) -> timedelta:
    """Returns the longest time that backups, topics or dead letters can hold data that the services have destroyed.

    A record stays on a topic until its segment is closed and cleaned, on a compacted topic behind its tombstone.
    """
    facts = max(FACTS_KEPT, DEAD_LETTERS_KEPT) + SEGMENT_SPAN
    return max(backups, facts + CLEANED_WITHIN, COMPACTED_WITHIN + CLEANED_WITHIN)


def build_receipt(
    erasure_id: UUID,
    record_id: UUID,
    reason: ErasureReason,
    decided_at: datetime,
    acknowledgements: tuple[ErasureAcknowledgement, ...],
    *,
    backups: timedelta,
) -> Receipt:
    """Returns the receipt of an erasure that all services have acknowledged."""
    ordered = tuple(sorted(acknowledgements, key=lambda acknowledgement: acknowledgement.service))
    destroyed_at = max(acknowledgement.acknowledged_at for acknowledgement in ordered)
    return Receipt(
        erasure_id=erasure_id,
        record_id=record_id,
        reason=reason,
        decided_at=decided_at,
        destroyed_at=destroyed_at,
        unrecoverable_from=destroyed_at + longest_retention(backups),
        acknowledgements=ordered,
    )


def sign_receipt(keys: SignatureKeys, receipt: Receipt) -> str:
    """Returns the receipt as a compact JWS, signed with the first key."""
    return keys.sign(receipt.model_dump_json().encode(), TYPE)


def verified_receipt(text: str, published: object) -> Receipt:
    """Returns the receipt if one of these public keys (a JWKS: `{"keys": [...]}`) signed it.

    Raises ReceiptInvalidError.
    """
    stripped = text.strip()
    if len(stripped) > MAX_LENGTH:
        raise ReceiptInvalidError
    try:
        return Receipt.model_validate_json(verified_payload(stripped, published, TYPE))
    except (SignatureInvalidError, ValidationError):
        raise ReceiptInvalidError from None  # the cause may quote the content


@dataclass(frozen=True, slots=True)
class ErasureRules:
    """The parameters of erasures.

    `receipts` signs receipts; `backups_days`: the longest retention of a backup; `acknowledgement_s`: the delay after
    which a missing acknowledgement raises an alarm.
    """

    receipts: SignatureKeys
    backups_days: int
    acknowledgement_s: float
