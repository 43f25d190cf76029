"""The queues of codes, notices and letters, one for each channel, and the outcomes of their messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.notify.kit.kinds import Channel
from services.notify.messages.domain import DueMessage, MessageRequest
from shared.db.notifications import notify_after_commit
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_of

CHANNELS: tuple[Channel, ...] = ("mail", "sms", "letter")


@dataclass(frozen=True, slots=True)
class MessageQueue:
    """The messages of one channel: those that a person awaits at a screen, or all others."""

    channel: Channel
    is_awaited: bool

    @property
    def notification(self) -> str:
        """The database notification that wakes the senders of this queue alone."""
        return f"{self.channel}_codes" if self.is_awaited else f"{self.channel}_messages"


@dataclass(frozen=True, slots=True)
class MessageDeliveryOutcome:
    """The new state of a message after an attempt: queued again for `due_at`, or handled at `handled_at`."""

    request: MessageRequest
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
  as request(bucket, request_id, record_id, channel, kind, sealed, requested_at, expires_at, traceparent, awaited)
order by bucket, request_id
on conflict on constraint messages_pkey do nothing
returning channel, awaited"""


async def insert_messages(connection: Connection, requests: Sequence[MessageRequest], now: datetime) -> None:
    """Queues new requests and skips existing ones; notifies the senders of their channels after the commit."""
    rows = await connection.fetch(
        INSERT_MESSAGES,
        [request.bucket for request in requests],
        [request.id for request in requests],
        [request.record_id for request in requests],
        [request.channel for request in requests],
        [request.kind for request in requests],
        [request.sealed for request in requests],
        [request.requested_at for request in requests],
        [request.expires_at for request in requests],
        [request.trace for request in requests],
        now,
        [request.is_awaited for request in requests],
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
    """Takes the `limit` longest due messages of a queue; no other sender takes them before `held_until`."""
    statement = TAKE_DUE_AWAITED if queue.is_awaited else TAKE_DUE_MESSAGES
    rows = await connection.fetch(statement, queue.channel, now, limit, held_until)
    return sorted((_due_message_from(row) for row in rows), key=lambda due: due.created_at)


SETTLE_MESSAGES = """
update messages set status = outcome.status, reason = outcome.reason, attempts = outcome.attempts,
                    due_at = outcome.due_at, handled_at = outcome.handled_at,
                    sealed = case when outcome.status = 'queued' then messages.sealed end
from unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[], $7::timestamptz[])
  as outcome(bucket, request_id, status, reason, attempts, due_at, handled_at)
where messages.bucket = outcome.bucket and messages.request_id = outcome.request_id and messages.status = 'queued'
returning messages.request_id"""


async def settle(connection: Connection, outcomes: Sequence[MessageDeliveryOutcome]) -> set[UUID]:
    """Stores the outcomes of messages. Returns the ids of the messages that were still queued."""
    ordered = sorted(outcomes, key=lambda outcome: (outcome.request.bucket, outcome.request.id))
    rows = await connection.fetch(
        SETTLE_MESSAGES,
        [outcome.request.bucket for outcome in ordered],
        [outcome.request.id for outcome in ordered],
        [outcome.status for outcome in ordered],
        [outcome.reason for outcome in ordered],
        [outcome.attempts for outcome in ordered],
        [outcome.due_at for outcome in ordered],
        [outcome.handled_at for outcome in ordered],
    )
    return {row["request_id"] for row in rows}


DELETE_OLD_MESSAGES = """
delete from messages using (select bucket, request_id from messages where handled_at < $1 limit 1000) as old
where messages.bucket = old.bucket and messages.request_id = old.request_id"""


async def delete_handled_before(connection: Connection, moment: datetime) -> bool:
    """Deletes up to 1,000 messages that were handled before `moment`. Returns whether there may be more."""
    return count_of(await connection.execute(DELETE_OLD_MESSAGES, moment)) == 1000


DELETE_MESSAGES_OF = """
delete from messages
using (select bucket, request_id from messages where bucket = $1 and record_id = $2 limit $3) as old
where messages.bucket = old.bucket and messages.request_id = old.request_id"""


async def delete_messages_of(connection: Connection, record_id: UUID, limit: int) -> int:
    """Deletes at most `limit` messages of a record, whatever their state. Returns how many were deleted."""
    done = await connection.execute(DELETE_MESSAGES_OF, bucket_of(record_id), record_id, limit)
    return count_of(done)


COUNT_QUEUED = "select channel, count(*) as count from messages where status = 'queued' group by channel"


async def count_queued(connection: Connection) -> dict[Channel, int]:
    """The number of queued messages for each channel."""
    counts = {row["channel"]: row["count"] for row in await connection.fetch(COUNT_QUEUED)}
    return {channel: counts.get(channel, 0) for channel in CHANNELS}


def _due_message_from(row: asyncpg.Record) -> DueMessage:
    request = MessageRequest(
        id=row["request_id"],
        record_id=row["record_id"],
        channel=row["channel"],
        kind=row["kind"],
        sealed=row["sealed"],
        requested_at=row["requested_at"],
        expires_at=row["expires_at"],
        trace=row["traceparent"],
        is_awaited=row["awaited"],
    )
    return DueMessage(request, row["attempts"], row["created_at"], row["takes_unbound"])
