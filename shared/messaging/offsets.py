"""The offsets of consumer groups, kept in the database of their effects.

The next offset of each partition is moved on in the transaction of the effect, and only from where the batch was read:
a database that lost commits, or another member of the group, is noticed by the batch's first statement.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from uuid import UUID

from shared.db.pool import Connection
from shared.errors import TransientError
from shared.messaging.batch_plan import Key, Partition

BEGIN_BATCH = """
select has_moved, erased, parked_topics, parked_keys
from begin_batch($1, $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::uuid[], $7::text[], $8::bytea[])"""
SET_NEXT = """
update consumer_offsets as stored set next = given.next
from unnest($2::text[], $3::integer[], $4::bigint[]) as given(topic, partition, next)
where stored.group_name = $1 and stored.topic = given.topic and stored.partition = given.partition"""
SELECT_OFFSETS = "select topic, partition, next, cluster_id from consumer_offsets where group_name = $1"
INSERT_OFFSETS = """
insert into consumer_offsets (group_name, topic, partition, next, cluster_id)
select $1, topic, partition, next, $2
from unnest($3::text[], $4::integer[], $5::bigint[]) as given(topic, partition, next)
on conflict on constraint consumer_offsets_pkey do update set next = excluded.next, cluster_id = excluded.cluster_id
where consumer_offsets.cluster_id <> excluded.cluster_id"""
LOCK_GROUP = "select pg_advisory_xact_lock(1146097668, hashtext($1))"
SELECT_SOURCE = """
select from_broker and not exists (select from consumer_offsets where group_name = $1) from offset_sources"""
FORGET_BROKEN_OFFSETS = """update broken_copies set "offset" = null where topic = any($1::text[])"""


class OffsetsMovedError(TransientError):
    """The stored offsets are not those from which this batch was read; the batch is read again from the stored ones."""

    code = "offsets-moved"


@dataclass(frozen=True)
class Begun:
    """Which of a batch's keys are erased records, and which (topic, key) have a parked message of the group."""

    erased: frozenset[bytes] = frozenset()
    parked: frozenset[Key] = frozenset()


@dataclass(frozen=True)
class Stored:
    """Where a group goes on in a partition, and in which Kafka cluster that offset counts."""

    next: int
    cluster_id: str


async def begin_batch(
    connection: Connection,
    group: str,
    positions: Mapping[Partition, int],
    nexts: Mapping[Partition, int],
    record_ids: Mapping[bytes, UUID],
    keys: Set[Key],
) -> Begun:
    """The first statement of a consumer's transaction: moves `nexts` on from `positions`, and asks about keys.

    Raises OffsetsMovedError.
    """
    if not (nexts or record_ids or keys):
        return Begun()
    partitions, asked = sorted(nexts), sorted(keys)
    row = await connection.fetchrow(
        BEGIN_BATCH,
        group,
        [topic for topic, _ in partitions],
        [number for _, number in partitions],
        [positions[partition] for partition in partitions],
        [nexts[partition] for partition in partitions],
        list(set(record_ids.values())),
        [topic for topic, _ in asked],
        [key for _, key in asked],
    )
    assert row is not None
    if row["has_moved"]:
        raise OffsetsMovedError
    erased = set(row["erased"] or ())
    return Begun(
        frozenset(key for key, record_id in record_ids.items() if record_id in erased),
        frozenset(zip(row["parked_topics"] or (), row["parked_keys"] or (), strict=True)),
    )


async def set_next(connection: Connection, group: str, nexts: Mapping[Partition, int]) -> None:
    """Corrects what `begin_batch` moved too far, in the same transaction."""
    partitions = sorted(nexts)
    topics, numbers = [topic for topic, _ in partitions], [number for _, number in partitions]
    await connection.execute(SET_NEXT, group, topics, numbers, [nexts[partition] for partition in partitions])


async def load_offsets(connection: Connection, group: str) -> dict[Partition, Stored]:
    """Where the group goes on in each partition that has a row."""
    rows = await connection.fetch(SELECT_OFFSETS, group)
    return {(row["topic"], row["partition"]): Stored(row["next"], row["cluster_id"]) for row in rows}


async def lock_group(connection: Connection, group: str) -> None:
    """One member at a time decides where the group begins."""
    await connection.execute(LOCK_GROUP, group)


async def takes_broker_offsets(connection: Connection, group: str) -> bool:
    """Whether the group begins at the broker's committed offsets: once, after the upgrade that made this table."""
    takes: bool = await connection.fetchval(SELECT_SOURCE, group)
    return takes


async def insert_offsets(connection: Connection, group: str, cluster_id: str, nexts: Mapping[Partition, int]) -> None:
    """Where the group begins in partitions that have no offset of this cluster."""
    if not nexts:
        return
    partitions = sorted(nexts)
    topics, numbers = [topic for topic, _ in partitions], [number for _, number in partitions]
    await connection.execute(
        INSERT_OFFSETS, group, cluster_id, topics, numbers, [nexts[partition] for partition in partitions]
    )
    await connection.execute(FORGET_BROKEN_OFFSETS, topics)
