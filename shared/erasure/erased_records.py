"""Erasure, the part that every service has: the memory of erased ids and the messages that still wait.

A service begins in one transaction (`begin`, its keys, the tombstones of its compacted topics), removes the bytes in
steps that can be taken up again, and acknowledges when nothing is left (`ErasureFinisher`). Who writes about a record
asks `erased_among` first, in the same transaction: no erasure begins between the question and that transaction's end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson

from shared.contracts.declarations import Service
from shared.contracts.identity import ErasureAcknowledged, RecordErased
from shared.contracts.topics import AUDIT_LEDGER, IDENTITY_ERASURES
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.envelope import Message
from shared.messaging.outbox import announce, append
from shared.runtime import clock

HOLD = "select pg_advisory_xact_lock(1146097666, stripe) from erasure_stripes($1::uuid[]) as stripe"
REMEMBER = """
insert into erased_records (record_id, erasure_id, erased_at) values ($1, $2, $3)
on conflict on constraint erased_records_pkey do nothing returning record_id"""
DELETE_PARKED = "delete from parked_messages where key = $1"
DELETE_BROKEN = "delete from broken_copies where key = $1"
DELETE_UNSENT = "delete from outbox where key = $1 and topic <> all($2::text[])"
DELETE_REFUSED = "delete from refused_announcements where key = $1 and topic <> all($2::text[])"
SELECT_ERASED = "select record_id from erased_among($1::uuid[]) as erased(record_id)"
SELECT_UNFINISHED = """
select record_id, erasure_id from erased_records where acknowledged_at is null order by erased_at limit $1"""
TAKE_UNFINISHED = """
select record_id from erased_records where record_id = $1 and acknowledged_at is null for update skip locked"""
ADD_DESTROYED = """
update erased_records set destroyed = destroyed || (
  select coalesce(jsonb_object_agg(name, count::bigint + coalesce((destroyed ->> name)::bigint, 0)), '{}')
  from jsonb_each_text($2::jsonb) as gone(name, count))
where record_id = $1"""
ACKNOWLEDGE = """
update erased_records set acknowledged_at = $2 where record_id = $1 and acknowledged_at is null
returning erasure_id, destroyed"""
KEPT_UNSENT = (*(topic.name for topic in AUDIT_LEDGER.topics), IDENTITY_ERASURES.name)
"""Topics whose unsent events an erasure leaves in the outbox: the erasure itself, and whatever becomes a ledger entry.

The ledger keeps its entries about a person no longer known, so a document's life and its alerts must reach it whole;
the other consumers of these topics drop what is about an erased record. The events carry ids, codes and times, and a
motive that audit cannot keep once the record's key is gone.
"""
STEPS_A_ROUND = 20
POLL_INTERVAL_S = 1.0

Destroy = Callable[[Connection, UUID], Awaitable[Mapping[str, int]]]
"""Destroys something of a record (all of it, or a batch) and says how many of what, by plural noun."""
Lock = Callable[[Connection, Sequence[UUID]], Awaitable[object]]


async def hold(connection: Connection, record_ids: Iterable[UUID]) -> None:
    """Waits for those who write about these records; who comes later waits for this transaction. Before row locks."""
    await connection.execute(HOLD, list(record_ids))


async def begin(connection: Connection, record_id: UUID, erasure_id: UUID, erased_at: datetime) -> bool:
    """Remembers the id and destroys what waits here about it. False when it was remembered before."""
    await hold(connection, [record_id])
    if await connection.fetchval(REMEMBER, record_id, erasure_id, erased_at) is None:
        return False
    key = str(record_id)
    await connection.execute(DELETE_PARKED, key.encode())
    await connection.execute(DELETE_BROKEN, key)
    await connection.execute(DELETE_UNSENT, key.encode(), list(KEPT_UNSENT))
    await connection.execute(DELETE_REFUSED, key.encode(), list(KEPT_UNSENT))
    return True


async def begin_each(
    connection: Connection, messages: Sequence[Message[RecordErased]], destroy: Destroy, lock: Lock | None = None
) -> list[Message[RecordErased]]:
    """Begins the erasures that are new here, with what the service must destroy at once, and returns them.

    `lock` takes the rows that the service locks before it writes about a record, sorted.
    """
    first = {message.event.record_id: message for message in reversed(messages)}
    ids = sorted(first)
    await hold(connection, ids)
    if lock is not None:
        await lock(connection, ids)
    new = [first[id] for id in ids if await begin(connection, id, first[id].event.erasure_id, erased_at=clock.now())]
    for message in new:
        record_id = message.event.record_id
        await count_destroyed(connection, record_id, await destroy(connection, record_id))
    return new


async def erased_among(connection: Connection, record_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these records are erased. No other of them will be before this transaction ends."""
    rows = await connection.fetch(SELECT_ERASED, list(set(record_ids)))
    return {row["record_id"] for row in rows}


async def unfinished(connection: Connection, limit: int = 10) -> list[UUID]:
    """Erased records of which something may be left here, oldest first."""
    return [row["record_id"] for row in await connection.fetch(SELECT_UNFINISHED, limit)]


async def count_destroyed(connection: Connection, record_id: UUID, destroyed: Mapping[str, int]) -> None:
    """Adds to what was destroyed, in the transaction that destroys it."""
    some = {name: count for name, count in destroyed.items() if count}
    if some:
        await connection.execute(ADD_DESTROYED, record_id, orjson.dumps(some).decode())


async def acknowledge(connection: Connection, service: Service, record_id: UUID) -> None:
    """Says, once, that nothing is left. The last thing a transaction does."""
    now = clock.now()
    row = await connection.fetchrow(ACKNOWLEDGE, record_id, now)
    if row is None:
        return
    acknowledgement = ErasureAcknowledged(
        record_id=record_id,
        erasure_id=row["erasure_id"],
        service=service,
        destroyed=orjson.loads(row["destroyed"]),
        acknowledged_at=now,
    )
    await append(connection, [announce(acknowledgement, service)])


class ErasureFinisher:
    """The loop `finish-erasures` of a worker. `remove` removes a batch of a record's rows; none when nothing is left.

    Each batch is a transaction with its count, so that a process that dies anywhere is followed by one that goes on.
    """

    def __init__(self, service: Service, remove: Destroy) -> None:
        self._service = service
        self._remove = remove

    async def round(self, pool: Pool) -> None:
        """Some batches of the erasures that are not finished, oldest first; a short wait when there are none."""
        async with pool.acquire() as connection:
            ids = await unfinished(connection)
        for record_id in ids:
            for _ in range(STEPS_A_ROUND):
                async with transaction(pool) as connection:
                    if await self.step(connection, record_id):
                        break
        if not ids:
            await asyncio.sleep(POLL_INTERVAL_S)

    async def step(self, connection: Connection, record_id: UUID) -> bool:
        """One batch, or the acknowledgement. True when nothing is left to do here, or another worker is at it."""
        if await connection.fetchval(TAKE_UNFINISHED, record_id) is None:
            return True
        removed = await self._remove(connection, record_id)
        if any(removed.values()):
            await count_destroyed(connection, record_id, removed)
            return False
        await acknowledge(connection, self._service, record_id)
        return True
