"""Decides what happens to each record of a batch. Pure: no clock, no I/O.

A batch has the effect of its records handled one at a time, in the order of offsets for each key.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from shared.contracts.base import Event, HeartbeatSent, StateWithheld
from shared.messaging.envelope import InvalidRecord, Message, Record, Skipped


class Partition(NamedTuple):
    """A partition of a topic; the topic's name is without the installation's prefix."""

    topic: str
    number: int


class MessageKey(NamedTuple):
    """A Kafka key on one topic, within which the order of messages is kept."""

    topic: str
    key: bytes


class RecordPosition(NamedTuple):
    """The position of a record in Kafka."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class BatchItem:
    """A record of a batch and the result of decoding it."""

    record: Record
    topic: str
    decoded: Message[Event] | InvalidRecord | Skipped

    @property
    def partition(self) -> Partition:
        """The partition that the record was read from."""
        return Partition(self.topic, self.record.partition)

    @property
    def key(self) -> MessageKey:
        """The key whose order the record belongs to; empty for a record without a key."""
        return MessageKey(self.topic, self.record.key or b"")

    @property
    def position(self) -> RecordPosition:
        """The position of the record in Kafka."""
        return RecordPosition(self.topic, self.record.partition, self.record.offset)


@dataclass
class Deferred:
    """The keys and partitions of records that cannot be finished now and are read again later.

    Later messages of these keys are deferred too, and later heartbeats of these partitions.
    """

    keys: set[MessageKey] = field(default_factory=set)
    partitions: set[Partition] = field(default_factory=set)

    def defer(self, item: BatchItem) -> None:
        """Defers a record, and with it what depends on its order."""
        self.keys.add(item.key)
        self.partitions.add(item.partition)


@dataclass
class BatchPlan:
    """The plan for each item of a batch. All but two kinds are `finished` once the transaction commits.

    The two are `awaiting`, messages that rest on a version of a copy not applied here, and `behind_deferred`, records
    behind an unfinished one of their key or (heartbeats) of their partition. `behind_dead_letter`: messages, with their
    topic, that are parked because an earlier one of their key is. `dropped`: the number of messages about erased
    records.
    """

    handled: list[Message[Event]] = field(default_factory=list)
    invalid_records: list[InvalidRecord] = field(default_factory=list)
    behind_dead_letter: list[tuple[Record, str]] = field(default_factory=list)
    heartbeats: list[Message[Event]] = field(default_factory=list)
    withheld: list[Message[Event]] = field(default_factory=list)
    dropped: int = 0
    awaiting: list[BatchItem] = field(default_factory=list)
    behind_deferred: list[BatchItem] = field(default_factory=list)
    finished: list[BatchItem] = field(default_factory=list)


def plan_batch(
    items: Sequence[BatchItem],
    *,
    deferred: Deferred,
    erased: Set[bytes],
    parked: Set[MessageKey],
    awaiting: Set[UUID],
    parks_behind_dead_letters: bool,
) -> BatchPlan:
    """Returns what happens to each item, in order; adds to `deferred` what cannot be finished.

    `erased`: keys of erased records. `parked`: keys with a parked message. `awaiting`: ids of messages that rest on a
    version of a copy that has not been applied here. `parks_behind_dead_letters`: whether later messages of a dead
    letter's key are parked (fact topics).
    """
    plan, blocked = BatchPlan(), set(parked)
    for item in items:
        if item.key in deferred.keys:
            plan.behind_deferred.append(item)
            deferred.defer(item)
        elif _is_heartbeat(item):
            # A heartbeat means that every earlier record of its partition was read.
            if item.partition in deferred.partitions:
                plan.behind_deferred.append(item)
            else:
                plan.heartbeats.append(item.decoded)  # type: ignore[arg-type] # a heartbeat is a message
                plan.finished.append(item)
        elif item.record.key in erased:
            plan.dropped += not isinstance(item.decoded, Skipped)
            plan.finished.append(item)
        elif isinstance(item.decoded, Message) and item.decoded.id in awaiting and item.key not in blocked:
            plan.awaiting.append(item)
            deferred.defer(item)
        else:
            _assign(plan, item, blocked, parks_behind_dead_letters)
            plan.finished.append(item)
    return plan


def _assign(plan: BatchPlan, item: BatchItem, blocked: set[MessageKey], parks_behind_dead_letters: bool) -> None:
    match item.decoded:
        case InvalidRecord() as invalid_record:
            plan.invalid_records.append(invalid_record)
            if parks_behind_dead_letters:
                blocked.add(item.key)
        case Message(event=StateWithheld()) as message:
            plan.withheld.append(message)
        case Message() as message if parks_behind_dead_letters and item.key in blocked:
            plan.behind_dead_letter.append((item.record, message.topic))
        case Message() as message:
            plan.handled.append(message)
        case Skipped():
            pass


def _is_heartbeat(item: BatchItem) -> bool:
    return isinstance(item.decoded, Message) and isinstance(item.decoded.event, HeartbeatSent)
