"""The writing side of the outbox. `append` is called once, last in a transaction; or a statement that makes a change by
itself appends as well (`inserting`, `parameters`, `call_relay`), and needs no other round trip.

The statement takes the advisory locks of the distinct keys, in order, before it inserts: so the order in which rows
of one key commit is the order of their ids, which the relay reads. A row's id is drawn when it is inserted, and none is
inserted before the locks have been counted: one round trip serves both. The transaction's own id is drawn before the
rows' ids: so the relay knows from a snapshot which ids can still come (see `shared.messaging.outbox.rows`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from shared.contracts.base import Event
from shared.contracts.declarations import Service, Topic
from shared.contracts.topics import topic_of
from shared.db.notifications import notify_after_commit
from shared.db.pool import Connection
from shared.errors import PermanentError
from shared.runtime import clock, tracing


def inserting(first: int, change: str) -> str:
    """Two common table expressions that append to the outbox, for a statement that makes the change as well.

    `first`: the number of the first of their parameters, see `parameters`. `change`: the expression that makes the
    change; it ends before a key is locked, and when it gives no row, nothing is locked or appended. Triggers of the
    change run later: one that locks what others lock before a key could deadlock with them.
    """
    numbers = (f"${number}" for number in range(first, first + 9))
    topic, key, event_id, event_type, subject, trace, occurred_at, payload, locks = numbers
    return f"""
outbox_locked as materialized (
  select pg_advisory_xact_lock(key)
  from (select count(*) from {change}) as changed(rows) join unnest({locks}::bigint[]) as key on changed.rows > 0
), outbox_rows as (
  insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at, payload)
  select told.*
  from (select count(*), pg_current_xact_id() from outbox_locked) as counted(locks, transaction)
  join unnest({topic}::text[], {key}::bytea[], {event_id}::uuid[], {event_type}::text[], {subject}::text[],
              {trace}::text[], {occurred_at}::timestamptz[], {payload}::bytea[])
    as told on counted.locks > 0 and counted.transaction is not null
)"""  # noqa: S608  # numbers, and the name of a part of the caller's constant


INSERT_ROWS = f"""
with change as (select), {inserting(1, "change")} select"""
CHANNEL = "outbox"
FOLLOWS_AFTER = timedelta(microseconds=1)
"""An effect is listed behind its cause; when it was really done stands in its data."""
LARGEST_BODY = 1_000_000
"""Bytes: with key and headers it stays below what the producer and the broker take (1 MiB)."""
LOW_LATENCY = "now"
"""The word to the relay that somebody waits for one of the rows."""


class AnnouncementTooLargeError(PermanentError):
    """This event is larger than the broker takes."""

    code = "announcement-too-large"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event on its way to one topic. `body` None is a tombstone (compacted topics only)."""

    topic: Topic
    key: str
    id: UUID
    type: str
    trace: str
    occurred_at: datetime
    body: bytes | None


class Cause(Protocol):
    """What an event follows from: a message, or something that was derived from one."""

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
    event: Event, service: Service, *, trace: str | None = None, occurred_at: datetime | None = None
) -> Announcement:
    """The announcement of an event on the service's own topic; `trace` is that of its cause (default: the current one).

    Raises ValueError where the event is another service's to say.
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
    """The announcement of what a consumer did about `cause`: id and time are derived from it, so that a cause that is
    handled again, by a database that lost its effect, announces nothing new.

    `effect` names what was done (default: the event's type): one name, one id. Raises ValueError as `announce` does.
    """
    return replace(
        announce(event, service, trace=cause.trace, occurred_at=cause.time + FOLLOWS_AFTER),
        id=clock.derived_id(cause.id, effect or event.ce_type),
    )


def tombstone(topic: Topic, key: str, *, trace: str | None = None) -> Announcement:
    """Nothing stands under this key any more: the word that lets a compacted topic forget what it held."""
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
    """The advisory lock (64 bits) of a key."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


async def append(connection: Connection, announcements: Sequence[Announcement]) -> None:
    """Writes the rows, in the order given. The last thing a transaction does.

    Raises AnnouncementTooLargeError, so that the caller's transaction fails rather than an entry that could never go.
    """
    if not announcements:
        return
    await connection.execute(INSERT_ROWS, *parameters(announcements))
    call_relay(connection, announcements)


def parameters(announcements: Sequence[Announcement]) -> tuple[list[Any], ...]:
    """Those of `inserting`, in order. Raises AnnouncementTooLargeError."""
    if any(len(one.body or b"") > LARGEST_BODY for one in announcements):
        raise AnnouncementTooLargeError
    return (
        [one.topic.name for one in announcements],
        [one.key.encode() for one in announcements],
        [one.id for one in announcements],
        [one.type for one in announcements],
        [one.key for one in announcements],
        [one.trace for one in announcements],
        [one.occurred_at for one in announcements],
        [one.body for one in announcements],
        sorted({lock_number(one.key) for one in announcements}),
    )


def call_relay(connection: Connection, announcements: Sequence[Announcement]) -> None:
    """Has the relay woken once the connection is released."""
    notify_after_commit(
        connection, CHANNEL, [LOW_LATENCY if any(one.topic.low_latency for one in announcements) else ""]
    )
