"""Codes, notices and letters: the queue of each channel, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.notify.domain import Channel, DueMessage, Request
from shared.db.notifications import notify_after_commit
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_of

CHANNELS: tuple[Channel, ...] = ("mail", "sms", "letter")


@dataclass(frozen=True, slots=True)
class MessageQueue:
    """The messages of one channel: those that somebody awaits at a screen, or all others."""

    channel: Channel
    awaited: bool

    @property
    def notification(self) -> str:
        """What wakes its senders, and no other queue's."""
        return f"{self.channel}_codes" if self.awaited else f"{self.channel}_messages"


@dataclass(frozen=True, slots=True)
class MessageFate:
    """What becomes of a message: queued again for `due_at`, or handled."""

    request: Request
    status: str
    reason: str | None
    attempts: int
    due_at: datetime | None
    handled_at: datetime | None


INSERT_MESSAGES = """
insert into messages (bucket, request_id, record_id, channel, kind, sealed, requested_at, expires_at, traceparent,
                      awaited, status, created_at, due_at)
select bucket, request_id, record_id, channel, kind, sealed, requested_at, expires_at, traceparent, awaited,
       'queued', $10::timestamptz, $10
from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
            $8::timestamptz[], $9::text[], $11::boolean[])
  as asked(bucket, request_id, record_id, channel, kind, sealed, requested_at, expires_at, traceparent, awaited)
order by bucket, request_id
on conflict on constraint messages_pkey do nothing
returning channel, awaited"""


async def insert_messages(connection: Connection, requests: Sequence[Request], now: datetime) -> None:
    """Queues those that are not known; wakes the senders of their channels after the commit."""
    rows = await connection.fetch(
        INSERT_MESSAGES,
        [one.bucket for one in requests],
        [one.id for one in requests],
        [one.record_id for one in requests],
        [one.channel for one in requests],
        [one.kind for one in requests],
        [one.sealed for one in requests],
        [one.requested_at for one in requests],
        [one.expires_at for one in requests],
        [one.trace for one in requests],
        now,
        [one.awaited for one in requests],
    )
    for queue in {MessageQueue(row["channel"], row["awaited"]) for row in rows}:
        notify_after_commit(connection, queue.notification)


_TAKEN = """
  order by due_at limit $3 for update skip locked
)
update messages set due_at = $4 from due
where messages.bucket = due.bucket and messages.request_id = due.request_id
returning messages.request_id, record_id, channel, kind, sealed, requested_at, expires_at, traceparent, awaited,
          attempts, created_at, exists (select from unbound_seals) as takes_unbound"""
TAKE_DUE_AWAITED = (
    """
with due as (
  select bucket, request_id from messages where status = 'queued' and awaited and channel = $1 and due_at <= $2"""  # noqa: S608  # two constants
    + _TAKEN
)
TAKE_DUE_MESSAGES = (
    """
with due as (
  select bucket, request_id from messages where status = 'queued' and not awaited and channel = $1 and due_at <= $2"""  # noqa: S608  # two constants
    + _TAKEN
)


async def take_due(
    connection: Connection, queue: MessageQueue, now: datetime, limit: int, held_until: datetime
) -> list[DueMessage]:
    """Messages of one queue whose time has come; nobody else takes them before `held_until`."""
    statement = TAKE_DUE_AWAITED if queue.awaited else TAKE_DUE_MESSAGES
    rows = await connection.fetch(statement, queue.channel, now, limit, held_until)
    return sorted((_due(row) for row in rows), key=lambda due: due.created_at)


SETTLE_MESSAGES = """
update messages set status = fate.status, reason = fate.reason, attempts = fate.attempts, due_at = fate.due_at,
                    handled_at = fate.handled_at, sealed = case when fate.status = 'queued' then messages.sealed end
from unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[], $7::timestamptz[])
  as fate(bucket, request_id, status, reason, attempts, due_at, handled_at)
where messages.bucket = fate.bucket and messages.request_id = fate.request_id and messages.status = 'queued'
returning messages.request_id"""


async def settle(connection: Connection, fates: Sequence[MessageFate]) -> set[UUID]:
    """Writes what became of messages. Returns those that were still queued."""
    ordered = sorted(fates, key=lambda fate: (fate.request.bucket, fate.request.id))
    rows = await connection.fetch(
        SETTLE_MESSAGES,
        [fate.request.bucket for fate in ordered],
        [fate.request.id for fate in ordered],
        [fate.status for fate in ordered],
        [fate.reason for fate in ordered],
        [fate.attempts for fate in ordered],
        [fate.due_at for fate in ordered],
        [fate.handled_at for fate in ordered],
    )
    return {row["request_id"] for row in rows}


DELETE_OLD_MESSAGES = """
delete from messages using (select bucket, request_id from messages where handled_at < $1 limit 1000) as old
where messages.bucket = old.bucket and messages.request_id = old.request_id"""


async def forget_before(connection: Connection, moment: datetime) -> bool:
    """Removes some of what was handled before. Returns whether there may be more."""
    return count_of(await connection.execute(DELETE_OLD_MESSAGES, moment)) == 1000


DELETE_MESSAGES_OF = """
delete from messages
using (select bucket, request_id from messages where bucket = $1 and record_id = $2 limit $3) as old
where messages.bucket = old.bucket and messages.request_id = old.request_id"""


async def delete_messages_of(connection: Connection, record_id: UUID, limit: int) -> int:
    """Removes so many messages of a record at most, sent or not. Returns how many."""
    done = await connection.execute(DELETE_MESSAGES_OF, bucket_of(record_id), record_id, limit)
    return count_of(done)


COUNT_QUEUED = "select channel, count(*) as count from messages where status = 'queued' group by channel"


async def count_queued(connection: Connection) -> dict[Channel, int]:
    """How many messages of each channel wait."""
    found = {row["channel"]: row["count"] for row in await connection.fetch(COUNT_QUEUED)}
    return {channel: found.get(channel, 0) for channel in CHANNELS}


def _due(row: asyncpg.Record) -> DueMessage:
    request = Request(
        id=row["request_id"],
        record_id=row["record_id"],
        channel=row["channel"],
        kind=row["kind"],
        sealed=row["sealed"],
        requested_at=row["requested_at"],
        expires_at=row["expires_at"],
        trace=row["traceparent"],
        awaited=row["awaited"],
    )
    return DueMessage(request, row["attempts"], row["created_at"], row["takes_unbound"])
