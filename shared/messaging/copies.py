"""Freshness of the copies of other services' states, and copies broken by a state that could not be used."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from shared.contracts.base import Event, HeartbeatSent, StateEvent
from shared.db.pool import Connection
from shared.messaging.envelope import LONGEST_KEY, Message
from shared.messaging.freshness import HEARTBEAT_AHEAD
from shared.runtime import clock

State = TypeVar("State", bound=StateEvent)
SubjectId = TypeVar("SubjectId")

UPSERT_WATERMARKS = """
insert into copy_watermarks (topic, partition, at)
select * from unnest($1::text[], $2::integer[], $3::timestamptz[])
on conflict on constraint copy_watermarks_pkey do update set at = excluded.at
where copy_watermarks.at < excluded.at or copy_watermarks.at > $4"""
MARK_BROKEN = """
insert into broken_copies (topic, key, error_code, "offset") values ($1, $2, $3, $4)
on conflict on constraint broken_copies_pkey do update
set error_code = excluded.error_code, "offset" = greatest(excluded."offset", broken_copies."offset")"""
SUPERSEDE = """
with applied as (
  select topic, key, "offset" from unnest($2::text[], $3::bytea[], $4::bigint[]) as newest(topic, key, "offset")
), mended as (
  delete from broken_copies broken using applied
  where broken.topic = applied.topic and broken.key = convert_from(applied.key, 'UTF8')
    and coalesce(broken."offset", -1) <= applied."offset"
)
delete from parked_messages parked using applied
where parked.group_name = $1 and parked.topic = applied.topic and parked.key = applied.key
  and parked."offset" < applied."offset" and parked.reason <> 'behind-dead'"""
MEND_AFTER_DISCARD = """
delete from broken_copies where topic = $2 and key = $4
  and not exists (select from parked_messages
                  where group_name = $1 and topic = $2 and key = $3 and reason in ('dead', 'expired'))"""
IS_NEWEST = """
select exists (select from broken_copies where topic = $1 and key = $2 and coalesce("offset", -1) <= $3)"""
SELECT_BROKEN = "select key from broken_copies where topic = any($1::text[]) and key = any($2::text[])"


async def apply_heartbeats(connection: Connection, heartbeats: Sequence[Message[Event]]) -> None:
    """Raises the watermark of each partition to its latest heartbeat: every older state has been read."""
    latest: dict[tuple[str, int], datetime] = {}
    for heartbeat in heartbeats:
        if isinstance(heartbeat.event, HeartbeatSent):
            partition = heartbeat.topic, heartbeat.partition
            latest[partition] = max(heartbeat.event.at, latest.get(partition, heartbeat.event.at))
    await raise_watermarks(connection, latest)


async def raise_watermarks(connection: Connection, latest: Mapping[tuple[str, int], datetime]) -> None:
    """Stores the later moment of each (topic, partition); any moment replaces a stored one in the future."""
    if latest:
        topics, partitions = zip(*latest, strict=True)
        bound = clock.now() + HEARTBEAT_AHEAD
        await connection.execute(UPSERT_WATERMARKS, topics, partitions, list(latest.values()), bound)


async def mark_broken(connection: Connection, topic: str, key: bytes, offset: int, code: str) -> None:
    """Marks the copy of a key as broken until a newer version from a higher offset is applied."""
    await connection.execute(MARK_BROKEN, topic, _text(key), code, offset)


async def supersede(connection: Connection, group: str, applied: Sequence[tuple[str, bytes, int]]) -> None:
    """Mends the copies to which newer states were applied: (topic, key, offset of the state).

    A copy broken by a higher offset stays broken. Dead letters of the key below the offset are deleted.
    """
    if applied:
        topics, keys, offsets = zip(*applied, strict=True)
        await connection.execute(SUPERSEDE, group, list(topics), list(keys), list(offsets))


async def mend_after_discard(connection: Connection, group: str, topic: str, key: bytes) -> None:
    """Mends the copy of a key whose last unreadable erasure an operator has discarded."""
    await connection.execute(MEND_AFTER_DISCARD, group, topic, key, _text(key))


async def is_newest(connection: Connection, topic: str, key: bytes, offset: int) -> bool:
    """Whether the copy of the key is broken, but not by an offset above this one."""
    newest: bool = await connection.fetchval(IS_NEWEST, topic, _text(key), offset)
    return newest


async def broken_among(connection: Connection, topics: Sequence[str], keys: Iterable[bytes]) -> set[bytes]:
    """Returns the keys that have a broken copy of one of these topics."""
    rows = await connection.fetch(SELECT_BROKEN, topics, [key.decode("utf-8", "replace") for key in keys])
    return {row["key"].encode() for row in rows}


def _text(key: bytes) -> str:
    return key[:LONGEST_KEY].decode("utf-8", "replace").replace("\0", "")


def newest_of_each(
    messages: Iterable[Message[State]], subject_of: Callable[[State], SubjectId]
) -> dict[SubjectId, Message[State]]:
    """Returns the message with the highest version for each subject; the last one if versions are equal."""
    return {subject_of(message.event): message for message in sorted(messages, key=lambda each: each.event.version)}
