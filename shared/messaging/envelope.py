"""Decodes a Kafka record into a typed message, or into a stable code for what is wrong with it."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared.contracts.base import Event, HeartbeatSent
from shared.contracts.carried_events import EVENTS
from shared.contracts.topics import TOPICS
from shared.db.nul import has_escaped_nul
from shared.messaging.freshness import HEARTBEAT_AHEAD
from shared.runtime import clock, tracing

E_co = TypeVar("E_co", bound=Event, covariant=True)


class Record(Protocol):
    """The part of an aiokafka ConsumerRecord that is used."""

    @property
    def topic(self) -> str:
        """The topic's name, with the installation's prefix."""

    @property
    def partition(self) -> int:
        """The number of the partition."""

    @property
    def offset(self) -> int:
        """The offset in the partition."""

    @property
    def key(self) -> bytes | None:
        """The key; None when the producer gave none."""

    @property
    def value(self) -> bytes | None:
        """The body; None is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Names and raw values. A name that is not UTF-8 has surrogate escapes (PEP 383)."""


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record restored from `parked_messages`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


_EVENTS_OF_TOPIC = {topic.name: frozenset(event.ce_type for event in topic.events) for topic in TOPICS}
_STATES = frozenset(topic.name for topic in TOPICS if topic.kind == "state")
LONGEST_KEY = 512
"""Bytes. No event has a longer key. A longer one is stored cut to this length, so that an index can hold it."""
FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD = timedelta(days=1)
"""How far in the future the time of an event may be: the error allowed for a producer's clock."""


@dataclass(frozen=True, slots=True)
class Message(Generic[E_co]):
    """One event from Kafka. `id` and `time` are its CloudEvents attributes, `trace` is the traceparent of its cause."""

    event: E_co
    id: UUID
    time: datetime
    trace: str
    key: bytes
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class InvalidRecord:
    """A record that cannot be used, with the error code. `topic` is without the installation's prefix."""

    record: Record
    topic: str
    code: str


INVALID_CODES = ("body-or-key-missing", "data-invalid", "envelope-invalid", "key-mismatch", "type-unknown")
"""The codes of records that cannot be decoded."""
SKIPPED_CODES = ("heartbeat-ahead", "tombstone", "type-unhandled", "type-unknown")
"""The codes of records that a group skips."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that the group skips. `code`: one of SKIPPED_CODES."""

    code: str


def decode(
    record: Record, prefix: str = "", handled: Set[str] | None = None
) -> Message[Event] | InvalidRecord | Skipped:
    """Returns the message, or what is wrong with the record, or why the group skips it. Never raises.

    `handled`: the event types of the group (None: all). Other types are skipped before their body is parsed. A type
    that the topic's declaration does not know is skipped on a fact topic. On a state topic it may replace the content
    of the copy, so the record is invalid.
    """
    topic = record.topic.removeprefix(prefix)
    if record.value is None and record.key is not None and topic in _STATES:
        return Skipped("tombstone")
    headers = _valid_headers(record.headers)
    if headers is None or (ce_type := headers.get("ce_type")) is None:
        return InvalidRecord(record, topic, "envelope-invalid")
    if ce_type not in _EVENTS_OF_TOPIC.get(topic, frozenset()):
        return InvalidRecord(record, topic, "type-unknown") if topic in _STATES else Skipped("type-unknown")
    if handled is not None and ce_type not in handled:
        return Skipped("type-unhandled")
    return _decode_event(record, topic, ce_type, headers)


def _decode_event(
    record: Record, topic: str, ce_type: str, headers: dict[str, str]
) -> Message[Event] | InvalidRecord | Skipped:
    try:
        id, time = UUID(headers["ce_id"]), datetime.fromisoformat(headers["ce_time"])
    except (KeyError, ValueError):
        return InvalidRecord(record, topic, "envelope-invalid")
    if not _is_plausible(time, FURTHEST_AHEAD):
        return InvalidRecord(record, topic, "envelope-invalid")
    if record.value is None or record.key is None:
        return InvalidRecord(record, topic, "body-or-key-missing")
    if has_escaped_nul(record.value):  # every handler would fail with it
        return InvalidRecord(record, topic, "data-invalid")
    try:
        event = EVENTS[ce_type].model_validate_json(record.value)
    except (ValidationError, ValueError, RecursionError):
        return InvalidRecord(record, topic, "data-invalid")
    if event.key.encode() != record.key or len(record.key) > LONGEST_KEY:
        return InvalidRecord(record, topic, "key-mismatch")
    if isinstance(event, HeartbeatSent) and not _is_plausible(event.at, HEARTBEAT_AHEAD):
        return Skipped("heartbeat-ahead")
    trace = tracing.continued(headers.get("traceparent"))
    return Message(event, id, time, trace, record.key, topic, record.partition, record.offset)


def _valid_headers(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, str] | None:
    """Returns the headers as text; None when a name or value is not UTF-8, or a value is null."""
    try:
        for name, _ in headers:
            name.encode()
        return {name: value.decode() for name, value in headers}  # type: ignore[union-attr] # None is an AttributeError
    except (AttributeError, UnicodeError):
        return None


def _is_plausible(moment: datetime, ahead: timedelta) -> bool:
    """Whether a moment from another machine has a time zone and lies between 2000 and at most `ahead` after now."""
    try:
        return FIRST_MOMENT <= moment <= clock.now() + ahead
    except (TypeError, OverflowError):
        return False


def record_ids(keys: Iterable[bytes | None]) -> dict[bytes, UUID]:
    """The record ids among Kafka keys, by key; other keys are left out."""
    return {key: record_id for key in set(keys) if key and (record_id := _record_of(key)) is not None}


def _record_of(key: bytes) -> UUID | None:
    try:
        return UUID(key.decode())
    except ValueError:
        return None
