"""From a Kafka record to a typed message, or to the stable code of what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared import tracing
from shared.contracts.base import Event
from shared.contracts.topics import EVENTS, TOPICS

E_co = TypeVar("E_co", bound=Event, covariant=True)


class Record(Protocol):
    """What is used of an aiokafka ConsumerRecord."""

    @property
    def topic(self) -> str:
        """With the installation's prefix."""

    @property
    def partition(self) -> int:
        """Its number."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def key(self) -> bytes | None:
        """None where the sender gave none."""

    @property
    def value(self) -> bytes | None:
        """None is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names and raw values."""


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record as it was put aside."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


_EVENTS_OF_TOPIC = {topic.name: frozenset(event.wire for event in topic.events) for topic in TOPICS}
_STATES = frozenset(topic.name for topic in TOPICS if topic.kind == "state")


@dataclass(frozen=True, slots=True)
class Message(Generic[E_co]):
    """One event as it came: `id` and `time` are the CloudEvents attributes, `trace` the traceparent of its cause."""

    event: E_co
    id: UUID
    time: datetime
    trace: str
    key: bytes
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that cannot be used, with the code that says why. `topic` is without the installation's prefix."""

    record: Record
    topic: str
    code: str


def decode(record: Record, prefix: str = "") -> Message[Event] | Letter | None:
    """Never raises: whatever is wrong with the record becomes a Letter. None is a state topic's tombstone."""
    topic = record.topic.removeprefix(prefix)
    if record.value is None and record.key is not None and topic in _STATES:
        return None
    headers = dict(record.headers)
    try:
        wire = headers["ce_type"].decode()
        id, time = UUID(headers["ce_id"].decode()), datetime.fromisoformat(headers["ce_time"].decode())
    except (KeyError, ValueError, AttributeError):
        return Letter(record, topic, "envelope-invalid")
    if time.tzinfo is None:
        return Letter(record, topic, "envelope-invalid")
    if wire not in _EVENTS_OF_TOPIC.get(topic, frozenset()):
        return Letter(record, topic, "type-unknown")
    if record.value is None or record.key is None:
        return Letter(record, topic, "body-or-key-missing")
    try:
        event = EVENTS[wire].model_validate_json(record.value)
    except (ValidationError, ValueError, RecursionError):
        return Letter(record, topic, "data-invalid")
    if event.key.encode() != record.key:
        return Letter(record, topic, "key-mismatch")
    trace = tracing.continued(headers.get("traceparent", b"").decode("ascii", "replace"))
    return Message(event, id, time, trace, record.key, topic, record.partition, record.offset)
