"""The writing side of the outbox. A transaction calls `append` once, as its last statement; or the statement that makes
the change also appends (`inserting`, `parameters`, `call_relay`), which saves a round trip.

The statement takes the advisory locks of the distinct keys, in order, before it inserts. The rows of one key therefore
commit in the order of their ids, in which the relay reads them. A row's id is drawn when it is inserted, and no row is
inserted before all locks have been taken, so that one round trip serves both. The transaction's own id is drawn before
the rows' ids, so that the relay can tell from a snapshot which ids can still appear (see
`shared.messaging.outbox.rows`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from shared.contracts.base import Event
from shared.contracts.carried_events import topic_of
from shared.contracts.declarations import Principal, Service, Topic
from shared.db.notifications import notify_after_commit
from shared.db.pool import Connection
from shared.errors import PermanentError
from shared.runtime import clock, tracing


def inserting(first: int, change: str) -> str:
    """Returns two common table expressions that append to the outbox, for a statement that also makes the change.

    `first`: the number of the first of their parameters, see `parameters`. `change`: the name of the expression that
    makes the change. It ends before a key is locked; if it returns no row, nothing is locked or appended. Triggers of
    the change run later, so a trigger must not take a lock that other transactions take before a key, or both could
    deadlock.
    """
    numbers = (f"${number}" for number in range(first, first + 9))
    topic, key, event_id, event_type, subject, trace, occurred_at, payload, locks = numbers
    return f"""
outbox_locked as materialized (
  select pg_advisory_xact_lock(key)
  from (select count(*) from {change}) as changed(rows) join unnest({locks}::bigint[]) as key on changed.rows > 0
), outbox_rows as (
  insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at, payload)
  select announced.*
  from (select count(*), pg_current_xact_id() from outbox_locked) as counted(locks, transaction)
  join unnest({topic}::text[], {key}::bytea[], {event_id}::uuid[], {event_type}::text[], {subject}::text[],
              {trace}::text[], {occurred_at}::timestamptz[], {payload}::bytea[])
    as announced on counted.locks > 0 and counted.transaction is not null
)"""  # noqa: S608  # numbers, and the name of a part of the caller's constant


INSERT_ROWS = f"""
with change as (select), {inserting(1, "change")} select"""
CHANNEL = "outbox"
FOLLOWS_AFTER = timedelta(microseconds=1)
"""Added to the time of a cause, so that its effect is listed after it; the data contain the real time of the effect."""
LARGEST_BODY = 1_000_000
"""Bytes. With key and headers it stays below the limit of the producer and the broker (1 MiB)."""
LOW_LATENCY = "now"
"""The payload that asks the relay to send at once, because a person awaits one of the rows."""


class AnnouncementTooLargeError(PermanentError):
    """This event is larger than the broker takes."""

    code = "announcement-too-large"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event to be sent to one topic. `body` None is a tombstone (compacted topics only)."""

    topic: Topic
    key: str
    id: UUID
    type: str
    trace: str
    occurred_at: datetime
    body: bytes | None


class Cause(Protocol):
    """The cause of an event: a message, or something derived from one."""

    @property
    def id(self) -> UUID:
        """The CloudEvents id of the cause."""

    @property
    def time(self) -> datetime:
        """When the cause occurred."""

    @property
    def trace(self) -> str:
        """The traceparent of the cause."""


def announce(
    event: Event, service: Principal, *, trace: str | None = None, occurred_at: datetime | None = None
) -> Announcement:
    """Returns the announcement of an event on the service's own topic. `trace`: that of its cause (default: the current
    one).

    Raises ValueError when the event belongs to another service.
    """
    return Announcement(
        topic=topic_of(event, service),
        key=event.key,
        id=clock.new_id(),
        type=event.ce_type,
        trace=trace or tracing.current(),
        occurred_at=occurred_at or clock.now(),
        body=event.model_dump_json().encode(),
    )


def announce_effect(event: Event, service: Service, cause: Cause, *, effect: str | None = None) -> Announcement:
    """Returns the announcement of an effect that a consumer produced for `cause`.

    Its id and time are derived from the cause, so that a database that lost the effect and handles the cause again
    announces nothing new. `effect` names the effect (default: the event's type); each name gives one id. Raises
    ValueError like `announce`.
    """
    return replace(
        announce(event, service, trace=cause.trace, occurred_at=cause.time + FOLLOWS_AFTER),
        id=clock.derived_id(cause.id, effect or event.ce_type),
    )


def tombstone(topic: Topic, key: str, *, trace: str | None = None) -> Announcement:
    """Returns the tombstone of a key, after which a compacted topic drops the earlier records of the key."""
    return Announcement(
        topic=topic,
        key=key,
        id=clock.new_id(),
        type=topic.events[0].ce_type,
        trace=trace or tracing.current(),
        occurred_at=clock.now(),
        body=None,
    )


def lock_number(key: str) -> int:
    """Returns the number (64 bits) of a key's advisory lock."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


async def append(connection: Connection, announcements: Sequence[Announcement]) -> None:
    """Writes the announcements to the outbox, in their order, as the last statement of a transaction.

    Raises AnnouncementTooLargeError, so that the transaction fails instead of writing a row that can never be sent.
    """
    if not announcements:
        return
    await connection.execute(INSERT_ROWS, *parameters(announcements))
    call_relay(connection, announcements)


def parameters(announcements: Sequence[Announcement]) -> tuple[list[Any], ...]:
    """Returns the parameters of `inserting`, in order. Raises AnnouncementTooLargeError."""
    if any(len(announcement.body or b"") > LARGEST_BODY for announcement in announcements):
        raise AnnouncementTooLargeError
    return (
        [announcement.topic.name for announcement in announcements],
        [announcement.key.encode() for announcement in announcements],
        [announcement.id for announcement in announcements],
        [announcement.type for announcement in announcements],
        [announcement.key for announcement in announcements],
        [announcement.trace for announcement in announcements],
        [announcement.occurred_at for announcement in announcements],
        [announcement.body for announcement in announcements],
        sorted({lock_number(announcement.key) for announcement in announcements}),
    )


def call_relay(connection: Connection, announcements: Sequence[Announcement]) -> None:
    """Wakes the relay once the connection is released after the commit."""
    notify_after_commit(
        connection,
        CHANNEL,
        [LOW_LATENCY if any(announcement.topic.low_latency for announcement in announcements) else ""],
    )
