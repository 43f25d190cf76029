"""Entries of messages that cannot be used, or are not believed: the ledger says so instead of having a hole. Pure."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

import orjson

from services.audit.domain import Entry, LedgerEvent, uuid_of
from shared.messaging.envelope import InvalidRecord, Message

QUARANTINED = "audit.letter-quarantined.v1"
_PLACES = UUID("6b0f3a52-5a0e-5c39-9d0c-2f6f0d1b7e11")
_PLAUSIBLE_YEARS = range(2000, 2200)


def entry_of_dead_letter(letter: InvalidRecord, put_aside_at: datetime) -> Entry:
    """The entry of a message that cannot be used: it exists once, however often the message comes.

    Its id is derived from its place, its time is the one that the message's own header gives, else the time at which
    it was put aside, which happens once for a place.
    """
    record = letter.record
    headers = dict(record.headers)
    at = _plausible_time(headers.get("ce_time", b"")) or put_aside_at
    place = (letter.topic, record.partition, record.offset)
    return _quarantined(place, at, uuid_of(record.key or b""), uuid_of(headers.get("ce_id", b"")), letter.code)


def entry_of_quarantined(message: Message[LedgerEvent], code: str) -> Entry:
    """The entry of a message that can be read but is not believed: of what it says only the record is entered."""
    place = (message.topic, message.partition, message.offset)
    return _quarantined(place, message.time, message.event.record_id, message.id, code)


def _quarantined(
    place: tuple[str, int, int], at: datetime, record_id: UUID | None, event_id: UUID | None, code: str
) -> Entry:
    topic, partition, offset = place
    return Entry(
        occurred_at=at,
        event_id=uuid5(_PLACES, f"{topic}/{partition}/{offset}"),
        event_type=QUARANTINED,
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
