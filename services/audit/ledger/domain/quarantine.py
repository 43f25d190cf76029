"""Makes entries for undecodable or untrusted messages, so that the ledger has no gaps."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

import orjson

from services.audit.ledger.domain.entries import LedgerEntry, LedgerEvent, uuid_of
from shared.messaging.envelope import InvalidRecord, Message

QUARANTINED_TYPE = "audit.letter-quarantined.v1"
_PLACES = UUID("6b0f3a52-5a0e-5c39-9d0c-2f6f0d1b7e11")
_PLAUSIBLE_YEARS = range(2000, 2200)


def entry_of_dead_letter(invalid: InvalidRecord, parked_at: datetime) -> LedgerEntry:
    """Returns the entry of a message that cannot be used; equal each time the message is read again.

    Its id is derived from the message's topic, partition and offset. Its time is that of the message's own header if it
    is plausible, else the time at which the message was parked.
    """
    record = invalid.record
    headers = dict(record.headers)
    occurred_at = _plausible_time(headers.get("ce_time", b"")) or parked_at
    place = (invalid.topic, record.partition, record.offset)
    return _quarantined(
        place, occurred_at, uuid_of(record.key or b""), uuid_of(headers.get("ce_id", b"")), invalid.code
    )


def entry_of_foreign_report(message: Message[LedgerEvent], code: str) -> LedgerEntry:
    """Returns the entry of a message whose report belongs to another service: only the record is taken from it."""
    place = (message.topic, message.partition, message.offset)
    return _quarantined(place, message.time, getattr(message.event, "record_id", None), message.id, code)


def _quarantined(
    place: tuple[str, int, int], at: datetime, record_id: UUID | None, event_id: UUID | None, code: str
) -> LedgerEntry:
    topic, partition, offset = place
    return LedgerEntry(
        occurred_at=at,
        event_id=uuid5(_PLACES, f"{topic}/{partition}/{offset}"),
        event_type=QUARANTINED_TYPE,
        record_id=record_id,
        action="quarantine-message",
        outcome="quarantined",
        reason=code,
        actor_kind="system",
        actor_id="audit",
        details=orjson.dumps({"topic": topic, "partition": partition, "offset": offset, "event_id": event_id}).decode(),
    )


def _plausible_time(text: bytes | None) -> datetime | None:
    try:
        time = datetime.fromisoformat((text or b"").decode())
        return time.astimezone(UTC) if time.tzinfo and time.year in _PLAUSIBLE_YEARS else None
    except (ValueError, OverflowError, AttributeError):  # a header may have no value at all
        return None
