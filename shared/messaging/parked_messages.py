"""Where messages are kept that cannot be used now: dead letters, those behind one, those that await a copy or a key.

A dead letter is also sent to `<group>.dlt` with its origin and code; what is needed to try again stays here. The order
of messages is kept for each (group, topic, key).
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
SELECT_WAITING_KEYS = """
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
TAKE = f"{SELECT_ONE} for update skip locked"
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
HEAD = """
select head.id, head.group_name, head.topic, head.partition, head."offset", head.reason, head.error_code,
       head.parked_at,
       (select count(*) from parked_messages behind
        where behind.group_name = head.group_name and behind.topic = head.topic and behind.key = head.key
          and behind.reason = 'behind-dead' and behind."offset" > head."offset") as behind
from parked_messages head"""
SELECT_HEAD = f"{HEAD} where head.id = $1"
LIST_HEADS = f"""{HEAD}
where ($2::text is null or head.group_name = $2)
  and ($3::text is null or coalesce(head.error_code, head.reason) = $3)
  and ($4::timestamptz is null or head.parked_at < $4)
  and (head.reason <> 'behind-dead'
       or not exists (select from parked_messages earlier
                      where earlier.group_name = head.group_name and earlier.topic = head.topic
                        and earlier.key = head.key and earlier."offset" < head."offset"
                        and earlier.reason <> 'expired'))
order by head.parked_at, head.id limit $1"""
COUNT = "select group_name, reason, count(*) as count from parked_messages group by group_name, reason"


@dataclass(frozen=True, slots=True)
class Parked:
    """A record to be parked, why, and (for a dead letter) the error's code."""

    record: Record
    topic: str
    reason: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetterSummary:
    """What an operator sees of a letter: codes only."""

    id: UUID
    group: str
    topic: str
    partition: int
    offset: int
    code: str | None
    parked_at: datetime
    behind: int


async def park(connection: Connection, group: str, parked: Sequence[Parked]) -> None:
    """Parks records; dead letters also go to the group's dead-letter topic. The same record is parked once."""
    if not parked:
        return
    ids = [clock.new_id() for _ in parked]
    rows = await connection.fetch(
        PARK,
        group,
        ids,
        [one.topic for one in parked],
        [one.record.partition for one in parked],
        [one.record.offset for one in parked],
        [_event_id(one.record) for one in parked],
        [_short(one.record.key) for one in parked],
        [_headers_as_json(one.record.headers) for one in parked],
        [one.record.value for one in parked],
        [one.reason for one in parked],
        [one.code for one in parked],
    )
    new = {row["id"] for row in rows}
    dead = [id for id, one in zip(ids, parked, strict=True) if id in new and one.reason == "dead"]
    await announce_dead(connection, group, dead)


async def announce_dead(connection: Connection, group: str, ids: Sequence[UUID]) -> None:
    """Sends these dead letters to the group's dead-letter topic, through the outbox."""
    if ids:
        await connection.execute(ANNOUNCE_DEAD, f"{group}.dlt", ids, tracing.new_trace())
        notify_after_commit(connection, CHANNEL)


async def become_dead(connection: Connection, group: str, dead_letter_id: UUID, code: str) -> None:
    """A message that was tried again and can never be used is a dead letter, with the code of its new fate."""
    was = await connection.fetchval(MAKE_DEAD, dead_letter_id, code)
    if was is not None and was != "dead":
        await announce_dead(connection, group, [dead_letter_id])


async def expire(connection: Connection, before: datetime) -> int:
    """Lets dead letters parked before that moment block nothing any more. Returns how many; 1,000 at most."""
    return len(await connection.fetch(EXPIRE, before))


async def list_dead_letters(
    connection: Connection,
    limit: int = 1000,
    *,
    group: str | None = None,
    code: str | None = None,
    before: datetime | None = None,
) -> list[DeadLetterSummary]:
    """Everything that blocks a key or awaits a copy or a key id, oldest first, with how many are parked behind it."""
    return [_head(row) for row in await connection.fetch(LIST_HEADS, limit, group, code, before)]


async def load_dead_letter(connection: Connection, dead_letter_id: UUID) -> DeadLetterSummary | None:
    """One parked message, whatever it waits for; None where there is none."""
    row = await connection.fetchrow(SELECT_HEAD, dead_letter_id)
    return None if row is None else _head(row)


def _head(row: asyncpg.Record) -> DeadLetterSummary:
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
    """The Kafka record that was parked, as its consumer saw it."""
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
    """A key that an index can hold. What is longer names nothing that exists: its records are all dead letters."""
    return None if key is None else key[:LONGEST_KEY]


def _headers_as_json(headers: Sequence[tuple[str, bytes | None]]) -> str:
    pairs = [(_printable(name), None if value is None else base64.b64encode(value).decode()) for name, value in headers]
    return orjson.dumps(pairs).decode()


def _printable(name: str) -> str:
    """A header's name without what JSON or PostgreSQL cannot hold."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\0")


def _event_id(record: Record) -> str:
    """The CloudEvents id of a record; of one that has none, a hash of what it holds."""
    told = dict(record.headers).get("ce_id")
    if told is not None and len(told) <= 64 and told.isascii() and told.decode().isprintable():
        return told.decode()
    return hashlib.sha256(repr((record.key, record.value, list(record.headers))).encode("utf-8", "replace")).hexdigest()
