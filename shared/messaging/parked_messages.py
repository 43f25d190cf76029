"""Stores messages that cannot be handled now: dead letters, messages behind one, messages awaiting a copy or a key.

A dead letter is also sent to `<group>.dlt` with its origin and code. The whole message stays here, so that it can be
handled again. The order of messages is kept for each (group, topic, key).
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from shared.db.notifications import notify_after_commit
from shared.db.pool import Connection
from shared.messaging.envelope import LONGEST_KEY, KeptRecord, Record
from shared.messaging.outbox.append import CHANNEL
from shared.runtime import clock, tracing

PARK = """
insert into parked_messages (
  id, group_name, topic, partition, "offset", event_id, key, headers, body, reason, error_code)
select id, $1, topic, partition, "offset", event_id, key, headers, body, reason, error_code
from unnest($2::uuid[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::bytea[], $8::jsonb[], $9::bytea[],
            $10::text[], $11::text[])
  as parked(id, topic, partition, "offset", event_id, key, headers, body, reason, error_code)
on conflict do nothing
returning id"""
ANNOUNCE_DEAD = """
insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at, payload, extra)
select $1, coalesce(key, ''::bytea), id, 'shared.letter-buried.v1', id::text, $3, clock_timestamp(), body,
       jsonb_build_object('dlt_topic', topic, 'dlt_partition', partition::text, 'dlt_offset', "offset"::text,
                          'dlt_error_code', error_code)
from parked_messages where id = any($2::uuid[])"""
SELECT_KEY = """
select id, group_name, topic, partition, "offset", key, headers, body, reason, error_code, parked_at
from parked_messages
where group_name = $1 and topic = $2 and key is not distinct from $3 and reason <> 'expired'
order by "offset", parked_at limit 1000"""
SELECT_PARKED_KEYS = """
select distinct group_name, topic, key from parked_messages head
where reason not in ('dead', 'expired') and ($1::bytea[] is null or key = any($1))
  and group_name = any($2::text[]) and (group_name, topic, key) > ($4::text, $5::text, $6::bytea)
  and (group_name <> all($3::text[])
       or not exists (select from parked_messages dead
                      where dead.group_name = head.group_name and dead.topic = head.topic and dead.key = head.key
                        and dead.reason = 'dead'))
order by group_name, topic, key limit 1000"""
SELECT_ONE = """
select id, group_name, topic, partition, "offset", key, headers, body, reason, error_code, parked_at
from parked_messages where id = $1"""
LOCK_ONE = f"{SELECT_ONE} for update skip locked"
DELETE_ONE = "delete from parked_messages where id = $1"
MAKE_DEAD = """
with taken as (select id, reason from parked_messages where id = $1 for update)
update parked_messages parked set reason = 'dead', error_code = $2 from taken where parked.id = taken.id
returning taken.reason"""
EXPIRE = """
update parked_messages set reason = 'expired'
where id in (select id from parked_messages where reason = 'dead' and parked_at < $1 order by parked_at limit 1000
             for update skip locked)
returning id"""
SUMMARY = """
select head.id, head.group_name, head.topic, head.partition, head."offset", head.reason, head.error_code,
       head.parked_at,
       (select count(*) from parked_messages behind
        where behind.group_name = head.group_name and behind.topic = head.topic and behind.key = head.key
          and behind.reason = 'behind-dead' and behind."offset" > head."offset") as behind
from parked_messages head"""
SELECT_SUMMARY = f"{SUMMARY} where head.id = $1"
LIST_SUMMARIES = f"""{SUMMARY}
where ($2::text is null or head.group_name = $2)
  and ($3::text is null or coalesce(head.error_code, head.reason) = $3)
  and ($4::timestamptz is null or head.parked_at < $4)
  and (head.reason <> 'behind-dead'
       or not exists (select from parked_messages earlier
                      where earlier.group_name = head.group_name and earlier.topic = head.topic
                        and earlier.key = head.key and earlier."offset" < head."offset"
                        and earlier.reason <> 'expired'))
order by head.parked_at, head.id limit $1"""
COUNT_BY_REASON = "select group_name, reason, count(*) as count from parked_messages group by group_name, reason"


@dataclass(frozen=True, slots=True)
class RecordToPark:
    """A record to park, the reason, and for a dead letter the error code. `topic` is without the prefix."""

    record: Record
    topic: str
    reason: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetterSummary:
    """A parked message as operators see it, without its content.

    `code`: the error code of a dead letter, the reason of another message. `behind`: the number of messages of its key
    parked behind it.
    """

    id: UUID
    group: str
    topic: str
    partition: int
    offset: int
    code: str | None
    parked_at: datetime
    behind: int


async def park(connection: Connection, group: str, parked: Sequence[RecordToPark]) -> None:
    """Parks records, each once; dead letters are also sent to the group's dead-letter topic."""
    if not parked:
        return
    ids = [clock.new_id() for _ in parked]
    rows = await connection.fetch(
        PARK,
        group,
        ids,
        [parked_record.topic for parked_record in parked],
        [parked_record.record.partition for parked_record in parked],
        [parked_record.record.offset for parked_record in parked],
        [_event_id(parked_record.record) for parked_record in parked],
        [_short(parked_record.record.key) for parked_record in parked],
        [_headers_as_json(parked_record.record.headers) for parked_record in parked],
        [parked_record.record.value for parked_record in parked],
        [parked_record.reason for parked_record in parked],
        [parked_record.code for parked_record in parked],
    )
    new = {row["id"] for row in rows}
    dead = [id for id, parked_record in zip(ids, parked, strict=True) if id in new and parked_record.reason == "dead"]
    await announce_dead(connection, group, dead)


async def announce_dead(connection: Connection, group: str, ids: Sequence[UUID]) -> None:
    """Sends these dead letters to the group's dead-letter topic, through the outbox."""
    if ids:
        await connection.execute(ANNOUNCE_DEAD, f"{group}.dlt", ids, tracing.new_trace())
        notify_after_commit(connection, CHANNEL)


async def mark_dead(connection: Connection, group: str, dead_letter_id: UUID, code: str) -> None:
    """Makes a parked message that failed for good a dead letter with this error code."""
    previous_reason = await connection.fetchval(MAKE_DEAD, dead_letter_id, code)
    if previous_reason is not None and previous_reason != "dead":
        await announce_dead(connection, group, [dead_letter_id])


async def expire(connection: Connection, before: datetime) -> int:
    """Expires dead letters parked before a moment: they no longer block their keys. Returns how many, at most 1,000."""
    return len(await connection.fetch(EXPIRE, before))


async def list_dead_letters(
    connection: Connection,
    limit: int = 1000,
    *,
    group: str | None = None,
    code: str | None = None,
    before: datetime | None = None,
) -> list[DeadLetterSummary]:
    """Returns the dead letters and the messages that await a copy or an encryption key, oldest first."""
    return [_summary(row) for row in await connection.fetch(LIST_SUMMARIES, limit, group, code, before)]


async def load_dead_letter(connection: Connection, dead_letter_id: UUID) -> DeadLetterSummary | None:
    """Returns one parked message, whatever the reason for parking it; None when there is none."""
    row = await connection.fetchrow(SELECT_SUMMARY, dead_letter_id)
    return None if row is None else _summary(row)


def _summary(row: asyncpg.Record) -> DeadLetterSummary:
    return DeadLetterSummary(
        row["id"],
        row["group_name"],
        row["topic"],
        row["partition"],
        row["offset"],
        row["error_code"] or row["reason"],
        row["parked_at"],
        row["behind"],
    )


def as_record(row: asyncpg.Record, prefix: str) -> Record:
    """Returns the parked Kafka record as its consumer read it."""
    return KeptRecord(
        topic=prefix + row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["key"],
        value=row["body"],
        headers=[
            (name, None if value is None else base64.b64decode(value)) for name, value in orjson.loads(row["headers"])
        ],
    )


def _short(key: bytes | None) -> bytes | None:
    """Returns a key cut to the size of an index. A longer key names nothing that exists; its records are dead
    letters."""
    return None if key is None else key[:LONGEST_KEY]


def _headers_as_json(headers: Sequence[tuple[str, bytes | None]]) -> str:
    pairs = [(_printable(name), None if value is None else base64.b64encode(value).decode()) for name, value in headers]
    return orjson.dumps(pairs).decode()


def _printable(name: str) -> str:
    """Returns a header's name, with escapes for characters that JSON or PostgreSQL cannot hold."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\0")


def _event_id(record: Record) -> str:
    """Returns the CloudEvents id of a record; when it is not usable, a hash of its key, body and headers."""
    raw_id = dict(record.headers).get("ce_id")
    if raw_id is not None and len(raw_id) <= 64 and raw_id.isascii() and raw_id.decode().isprintable():
        return raw_id.decode()
    return hashlib.sha256(repr((record.key, record.value, list(record.headers))).encode("utf-8", "replace")).hexdigest()
