"""Where messages wait that cannot be used now: dead letters, those behind one, those whose copy is behind.

A dead letter is also sent to `<group>.dlt` with its origin and code; what is needed to try again stays here.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from shared import clock, tracing
from shared.db.pool import Connection
from shared.decoding import KeptRecord, Record

PARK = """
insert into parked_messages (id, group_name, topic, partition, "offset", key, headers, body, reason, error_code)
select id, $1, topic, partition, "offset", key, headers, body, reason, error_code
from unnest($2::uuid[], $3::text[], $4::integer[], $5::bigint[], $6::bytea[], $7::jsonb[], $8::bytea[], $9::text[],
            $10::text[])
  as parked(id, topic, partition, "offset", key, headers, body, reason, error_code)
on conflict on constraint parked_messages_place_key do nothing
returning id"""
ANNOUNCE_DEAD = """
with dead as (
  insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at, payload, extra)
  select $1, coalesce(key, ''::bytea), id, 'shared.letter-buried.v1', id::text, $3, parked_at, body,
         jsonb_build_object('dlt_topic', topic, 'dlt_partition', partition::text, 'dlt_offset', "offset"::text,
                            'dlt_error_code', error_code)
  from parked_messages where id = any($2::uuid[])
)
select pg_notify('outbox', '')"""
SELECT_BLOCKED = "select distinct key from parked_messages where group_name = $1 and key = any($2::bytea[])"
SELECT_KEY = """
select id, group_name, topic, partition, "offset", key, headers, body, reason, error_code, parked_at
from parked_messages where group_name = $1 and key is not distinct from $2
order by topic, partition, "offset" limit 1000"""
SELECT_WAITING_KEYS = """
select distinct group_name, key from parked_messages head
where reason <> 'dead' and ($1::bytea[] is null or key = any($1))
  and not exists (select from parked_messages dead
                  where dead.group_name = head.group_name and dead.key = head.key and dead.reason = 'dead')
limit 1000"""
DELETE_ONE = "delete from parked_messages where id = $1"
UPDATE_CODE = "update parked_messages set error_code = $2 where id = $1 and reason = 'dead'"
SELECT_ONE = """
select id, group_name, topic, partition, "offset", key, headers, body, reason, error_code, parked_at
from parked_messages where id = $1"""
LIST_DEAD = """
select head.id, head.group_name, head.topic, head.partition, head."offset", head.error_code, head.parked_at,
       (select count(*) from parked_messages behind
        where behind.group_name = head.group_name and behind.key = head.key and behind.id <> head.id) as behind
from parked_messages head where head.reason <> 'behind-dead' order by head.parked_at, head.id limit $1"""
COUNT = "select group_name, reason, count(*) as count from parked_messages group by group_name, reason"


@dataclass(frozen=True, slots=True)
class Parked:
    """A record to be put aside, why, and (for a dead one) the error's code."""

    record: Record
    topic: str
    reason: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class LetterHead:
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
    """Puts records aside; dead ones are announced on the group's dead-letter topic. A place is taken once."""
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
        [one.record.key for one in parked],
        [_headers_as_json(one.record.headers) for one in parked],
        [one.record.value for one in parked],
        [one.reason for one in parked],
        [one.code for one in parked],
    )
    new = {row["id"] for row in rows}
    dead = [id for id, one in zip(ids, parked, strict=True) if id in new and one.reason == "dead"]
    if dead:
        await connection.execute(ANNOUNCE_DEAD, f"{group}.dlt", dead, tracing.new_trace())


async def blocked_keys(connection: Connection, group: str, keys: Iterable[bytes]) -> set[bytes]:
    """Which of these keys have a message of this group put aside, so that later ones must wait behind it."""
    return {row["key"] for row in await connection.fetch(SELECT_BLOCKED, group, list(set(keys)))}


async def list_letters(connection: Connection, limit: int = 1000) -> list[LetterHead]:
    """Dead letters and messages that wait for a copy, oldest first, with how many wait behind each."""
    return [
        LetterHead(
            row["id"],
            row["group_name"],
            row["topic"],
            row["partition"],
            row["offset"],
            row["error_code"] or "copy-behind",
            row["parked_at"],
            row["behind"],
        )
        for row in await connection.fetch(LIST_DEAD, limit)
    ]


def as_record(row: asyncpg.Record, prefix: str) -> Record:
    """The Kafka record that was put aside, as its consumer saw it."""
    return KeptRecord(
        topic=prefix + row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["key"],
        value=row["body"],
        headers=[(name, base64.b64decode(value)) for name, value in orjson.loads(row["headers"])],
    )


def _headers_as_json(headers: Sequence[tuple[str, bytes]]) -> str:
    pairs = [(name.replace("\0", ""), base64.b64encode(value or b"").decode()) for name, value in headers]
    return orjson.dumps(pairs).decode()
