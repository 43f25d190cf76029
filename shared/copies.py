"""How fresh the copies of neighbours' states are, and which are broken: a state was told that could not be used."""

from collections.abc import Iterable, Sequence

from shared.contracts.base import Event, HeartbeatSent
from shared.db.pool import Connection
from shared.decoding import Letter, Message

UPSERT_WATERMARKS = """
insert into copy_watermarks (topic, partition, at)
select * from unnest($1::text[], $2::integer[], $3::timestamptz[])
on conflict on constraint copy_watermarks_pkey do update set at = excluded.at
where copy_watermarks.at < excluded.at"""
MARK_BROKEN = """
insert into broken_copies (topic, key, error_code) values ($1, $2, $3)
on conflict on constraint broken_copies_pkey do update set error_code = excluded.error_code"""
CLEAR_BROKEN = "delete from broken_copies where topic = $1 and key = any($2::text[])"
SELECT_BROKEN = "select key from broken_copies where topic = any($1::text[]) and key = any($2::text[])"


async def apply_heartbeats(connection: Connection, beats: Sequence[Message[Event]]) -> None:
    """Everything older than a partition's latest heartbeat is here."""
    latest = {(m.topic, m.partition): m.event.at for m in beats if isinstance(m.event, HeartbeatSent)}
    if latest:
        topics, partitions = [key[0] for key in latest], [key[1] for key in latest]
        await connection.execute(UPSERT_WATERMARKS, topics, partitions, list(latest.values()))


async def mark_broken(connection: Connection, letter: Letter) -> None:
    """The copy of the letter's key cannot be trusted until a later version is applied."""
    key = (letter.record.key or b"").decode("utf-8", "replace").replace("\0", "")
    await connection.execute(MARK_BROKEN, letter.topic, key, letter.code)


async def mend(connection: Connection, applied: Sequence[Message[Event]]) -> None:
    """These states have been applied."""
    for topic in {message.topic for message in applied}:
        keys = [message.key.decode() for message in applied if message.topic == topic]
        await connection.execute(CLEAR_BROKEN, topic, keys)


async def broken_among(connection: Connection, topics: Sequence[str], keys: Iterable[bytes]) -> set[bytes]:
    """Which of these keys have a broken copy of one of these topics."""
    rows = await connection.fetch(SELECT_BROKEN, topics, [key.decode("utf-8", "replace") for key in keys])
    return {row["key"].encode() for row in rows}
