"""What each record of a batch comes to, in the order of offsets for each key: the same as one record at a time."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from uuid import UUID

from shared.contracts.base import Event, HeartbeatSent, StateWithheld
from shared.messaging.envelope import InvalidRecord, Message, Record, Skipped

Partition = tuple[str, int]
"""Topic, without the installation's prefix, and number."""
Key = tuple[str, bytes]
"""Topic and Kafka key: the order of messages is kept for each."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A record of a batch and what it was decoded to."""

    record: Record
    topic: str
    decoded: Message[Event] | InvalidRecord | Skipped

    @property
    def partition(self) -> Partition:
        """Where it was read."""
        return self.topic, self.record.partition

    @property
    def key(self) -> Key:
        """What its order is kept for."""
        return self.topic, self.record.key or b""


@dataclass
class Held:
    """What cannot be finished now in a pass over a batch: nothing of these keys or behind these records is done."""

    keys: set[Key] = field(default_factory=set)
    partitions: set[Partition] = field(default_factory=set)

    def hold(self, item: Item) -> None:
        """The record is read again later, and what rests on the order behind it as well."""
        self.keys.add(item.key)
        self.partitions.add(item.partition)


@dataclass
class BatchPlan:
    """The fate of each item. `awaiting`: rests on a copy; `held_back`: behind an unfinished record of its key.

    All others are `finished` once the transaction commits.
    """

    handled: list[Message[Event]] = field(default_factory=list)
    invalid_records: list[InvalidRecord] = field(default_factory=list)
    behind: list[tuple[Record, str]] = field(default_factory=list)
    heartbeats: list[Message[Event]] = field(default_factory=list)
    withheld: list[Message[Event]] = field(default_factory=list)
    dropped: int = 0
    awaiting: list[Item] = field(default_factory=list)
    held_back: list[Item] = field(default_factory=list)
    finished: list[Item] = field(default_factory=list)


def plan_batch(
    items: Sequence[Item],
    *,
    held: Held,
    erased: Set[bytes],
    parked: Set[Key],
    awaiting: Set[UUID],
    parks_behind_dead_letters: bool,
) -> BatchPlan:
    """Decides what happens to each item, in order; adds to `held` what cannot be finished.

    `erased`: keys of erased records. `parked`: keys with a parked message. `awaiting`: ids of messages that rest on a
    version of a copy that is not here. `parks_behind_dead_letters`: whether later messages of a dead letter's key are
    parked (fact topics).
    """
    plan, blocked = BatchPlan(), set(parked)
    for item in items:
        if item.key in held.keys:
            plan.held_back.append(item)
            held.hold(item)
        elif _is_heartbeat(item):
            # It vouches for all that came before it in its partition.
            if item.partition in held.partitions:
                plan.held_back.append(item)
            else:
                plan.heartbeats.append(item.decoded)  # type: ignore[arg-type] # a heartbeat is a message
                plan.finished.append(item)
        elif item.record.key in erased:
            plan.dropped += not isinstance(item.decoded, Skipped)
            plan.finished.append(item)
        elif isinstance(item.decoded, Message) and item.decoded.id in awaiting and item.key not in blocked:
            plan.awaiting.append(item)
            held.hold(item)
        else:
            _place(plan, item, blocked, parks_behind_dead_letters)
            plan.finished.append(item)
    return plan


def _place(plan: BatchPlan, item: Item, blocked: set[Key], parks_behind_dead_letters: bool) -> None:
    match item.decoded:
        case InvalidRecord() as invalid_record:
            plan.invalid_records.append(invalid_record)
            if parks_behind_dead_letters:
                blocked.add(item.key)
        case Message(event=StateWithheld()) as message:
            plan.withheld.append(message)
        case Message() as message if parks_behind_dead_letters and item.key in blocked:
            plan.behind.append((item.record, message.topic))
        case Message() as message:
            plan.handled.append(message)
        case Skipped():
            pass


def _is_heartbeat(item: Item) -> bool:
    return isinstance(item.decoded, Message) and isinstance(item.decoded.event, HeartbeatSent)
