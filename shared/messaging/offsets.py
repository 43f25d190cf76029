"""The offsets of consumer groups, stored in the database that holds the effects of their messages.

The transaction of an effect also moves the next offset of each partition, but only from the offset at which the batch
was read. The first statement of a batch therefore notices that the database lost commits or that another member has
moved the offset.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from uuid import UUID

from shared.db.pool import Connection
from shared.errors import TransientError
from shared.messaging.batch_plan import MessageKey, Partition

BEGIN_BATCH = """
select has_moved, erased, parked_topics, parked_keys
from begin_batch($1, $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::uuid[], $7::text[], $8::bytea[])"""
SET_NEXT = """
update consumer_offsets as stored set next = moved.next
from unnest($2::text[], $3::integer[], $4::bigint[]) as moved(topic, partition, next)
where stored.group_name = $1 and stored.topic = moved.topic and stored.partition = moved.partition"""
SELECT_OFFSETS = "select topic, partition, next, cluster_id from consumer_offsets where group_name = $1"
INSERT_OFFSETS = """
insert into consumer_offsets (group_name, topic, partition, next, cluster_id)
select $1, topic, partition, next, $2
from unnest($3::text[], $4::integer[], $5::bigint[]) as moved(topic, partition, next)
on conflict on constraint consumer_offsets_pkey do update set next = excluded.next, cluster_id = excluded.cluster_id
where consumer_offsets.cluster_id <> excluded.cluster_id"""
LOCK_GROUP = "select pg_advisory_xact_lock(1146097668, hashtext($1))"
SELECT_SOURCE = """
select from_broker and not exists (select from consumer_offsets where group_name = $1) from offset_sources"""
FORGET_BROKEN_OFFSETS = """update broken_copies set "offset" = null where topic = any($1::text[])"""


class OffsetsMovedError(TransientError):
    """The stored offsets are not those that this batch was read from; it is read again from the stored ones."""

    code = "offsets-moved"


@dataclass(frozen=True)
class BatchStart:
    """The keys of a batch that belong to erased records, and those with a parked message of the group."""

    erased: frozenset[bytes] = frozenset()
    parked: frozenset[MessageKey] = frozenset()


@dataclass(frozen=True)
class NextOffset:
    """The next offset of a group in a partition, and the id of the Kafka cluster to which it belongs."""

    next: int
    cluster_id: str


async def begin_batch(
    connection: Connection,
    group: str,
    positions: Mapping[Partition, int],
    next_offsets: Mapping[Partition, int],
    record_ids: Mapping[bytes, UUID],
    keys: Set[MessageKey],
) -> BatchStart:
    """Begins a consumer's transaction: moves the offsets from `positions` to `next_offsets` and looks up keys.

    `record_ids`: record ids by key; the result says which are erased. `keys`: the keys to check for parked messages.
    Raises OffsetsMovedError.
    """
    if not (next_offsets or record_ids or keys):
        return BatchStart()
    partitions, sorted_keys = sorted(next_offsets), sorted(keys)
    row = await connection.fetchrow(
        BEGIN_BATCH,
        group,
        [topic for topic, _ in partitions],
        [number for _, number in partitions],
        [positions[partition] for partition in partitions],
        [next_offsets[partition] for partition in partitions],
        list(set(record_ids.values())),
        [topic for topic, _ in sorted_keys],
        [key for _, key in sorted_keys],
    )
    assert row is not None
    if row["has_moved"]:
        raise OffsetsMovedError
    erased = set(row["erased"] or ())
    return BatchStart(
        frozenset(key for key, record_id in record_ids.items() if record_id in erased),
        frozenset(map(MessageKey, row["parked_topics"] or (), row["parked_keys"] or ())),
    )


async def set_next(connection: Connection, group: str, next_offsets: Mapping[Partition, int]) -> None:
    """Stores next offsets. In a batch's transaction it corrects those that `begin_batch` moved too far."""
    partitions = sorted(next_offsets)
    topics, numbers = [topic for topic, _ in partitions], [number for _, number in partitions]
    await connection.execute(SET_NEXT, group, topics, numbers, [next_offsets[partition] for partition in partitions])


async def load_offsets(connection: Connection, group: str) -> dict[Partition, NextOffset]:
    """Returns the next offset of the group in each partition that has one."""
    rows = await connection.fetch(SELECT_OFFSETS, group)
    return {Partition(row["topic"], row["partition"]): NextOffset(row["next"], row["cluster_id"]) for row in rows}


async def lock_group(connection: Connection, group: str) -> None:
    """Locks the group until the end of the transaction, so that one member at a time decides where it begins."""
    await connection.execute(LOCK_GROUP, group)


async def takes_broker_offsets(connection: Connection, group: str) -> bool:
    """Whether the group begins at the broker's committed offsets: once, after the upgrade that created this table."""
    takes: bool = await connection.fetchval(SELECT_SOURCE, group)
    return takes


async def insert_offsets(
    connection: Connection, group: str, cluster_id: str, next_offsets: Mapping[Partition, int]
) -> None:
    """Stores the first offset of the group in partitions that have no offset of this cluster."""
    if not next_offsets:
        return
    partitions = sorted(next_offsets)
    topics, numbers = [topic for topic, _ in partitions], [number for _, number in partitions]
    await connection.execute(
        INSERT_OFFSETS, group, cluster_id, topics, numbers, [next_offsets[partition] for partition in partitions]
    )
    await connection.execute(FORGET_BROKEN_OFFSETS, topics)
