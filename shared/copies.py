"""How fresh the copies of neighbours' states are, and which are broken: a state was told that could not be used."""

from collections.abc import Iterable, Sequence

from shared.contracts.base import Event, HeartbeatSent
from shared.db.pool import Connection
from shared.decoding import Message

UPSERT_WATERMARKS = """
insert into copy_watermarks (topic, partition, at)
select * from unnest($1::text[], $2::integer[], $3::timestamptz[])
on conflict on constraint copy_watermarks_pkey do update set at = excluded.at
where copy_watermarks.at < excluded.at"""
MARK_BROKEN = """
insert into broken_copies (topic, key, error_code, "offset") values ($1, $2, $3, $4)
on conflict on constraint broken_copies_pkey do update
set error_code = excluded.error_code, "offset" = greatest(excluded."offset", broken_copies."offset")"""
SUPERSEDE = """
with applied as (
  select topic, key, "offset" from unnest($2::text[], $3::bytea[], $4::bigint[]) as given(topic, key, "offset")
), mended as (
  delete from broken_copies broken using applied
  where broken.topic = applied.topic and broken.key = convert_from(applied.key, 'UTF8')
    and coalesce(broken."offset", -1) <= applied."offset"
)
delete from parked_messages parked using applied
where parked.group_name = $1 and parked.topic = applied.topic and parked.key = applied.key
  and parked."offset" < applied."offset" and parked.reason <> 'behind-dead'"""
IS_NEWEST = """
select exists (select from broken_copies where topic = $1 and key = $2 and coalesce("offset", -1) <= $3)"""
SELECT_BROKEN = "select key from broken_copies where topic = any($1::text[]) and key = any($2::text[])"


async def apply_heartbeats(connection: Connection, beats: Sequence[Message[Event]]) -> None:
    """Everything older than a partition's latest heartbeat is here."""
    latest = {(m.topic, m.partition): m.event.at for m in beats if isinstance(m.event, HeartbeatSent)}
    if latest:
        topics, partitions = [key[0] for key in latest], [key[1] for key in latest]
        await connection.execute(UPSERT_WATERMARKS, topics, partitions, list(latest.values()))


async def mark_broken(connection: Connection, topic: str, key: bytes, offset: int, code: str) -> None:
    """Marks the copy of a key as not to be trusted until a newer version from a higher offset is applied."""
    await connection.execute(MARK_BROKEN, topic, _text(key), code, offset)


async def supersede(connection: Connection, group: str, applied: Sequence[tuple[str, bytes, int]]) -> None:
    """A newer state of (topic, key) was applied from this offset.

    The copy is mended unless a higher offset broke it, and dead letters below the offset are of no more use.
    """
    if applied:
        topics, keys, offsets = zip(*applied, strict=True)
        await connection.execute(SUPERSEDE, group, list(topics), list(keys), list(offsets))


async def is_newest(connection: Connection, topic: str, key: bytes, offset: int) -> bool:
    """Whether the copy of the key is broken by the state at this offset, and by none above it."""
    newest: bool = await connection.fetchval(IS_NEWEST, topic, _text(key), offset)
    return newest


async def broken_among(connection: Connection, topics: Sequence[str], keys: Iterable[bytes]) -> set[bytes]:
    """Which of these keys have a broken copy of one of these topics."""
    rows = await connection.fetch(SELECT_BROKEN, topics, [key.decode("utf-8", "replace") for key in keys])
    return {row["key"].encode() for row in rows}


def _text(key: bytes) -> str:
    return key.decode("utf-8", "replace").replace("\0", "")
