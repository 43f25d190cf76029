"""The shared part of erasure: the list of erased record ids, and the deletion of messages that still wait.

A service begins an erasure in one transaction (`begin`, its keys, the tombstones of its compacted topics), removes the
bytes in steps that can be resumed, and acknowledges when nothing is left (`ErasureFinisher`). Every transaction that
writes about a record first calls `erased_among`: no erasure begins between that call and the end of the transaction.
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
REMEMBER_OTHER = """
update erased_records set erasure_id = $2, acknowledged_at = null where record_id = $1 and erasure_id <> $2"""
DELETE_PARKED = "delete from parked_messages where key = $1"
DELETE_BROKEN = "delete from broken_copies where key = $1"
DELETE_UNSENT = "delete from outbox where key = $1 and topic <> all($2::text[])"
DELETE_WITHHELD = "delete from withheld_states where key = $1"
DELETE_SENT = "delete from sent_facts where key = $1 and topic <> all($2::text[])"
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
"""Topics whose events stay during an erasure, in the outbox and for some days among the sent facts: the erasure
itself, and all events that become ledger entries. The ledger keeps its entries about a person no longer known, so the
life of a document and its alerts must reach it completely; the other consumers of these topics drop events about an
erased record. The events contain ids, codes and times, and a motive that audit cannot keep once the record's key is
gone."""
STEPS_A_ROUND = 20
POLL_INTERVAL_S = 1.0

Destroy = Callable[[Connection, UUID], Awaitable[Mapping[str, int]]]
"""Destroys all or a batch of a record's data and returns the number of destroyed items by plural noun."""
Lock = Callable[[Connection, Sequence[UUID]], Awaitable[object]]


async def hold(connection: Connection, record_ids: Iterable[UUID]) -> None:
    """Waits for running writers about these records and blocks new ones until commit. Call it before row locks."""
    await connection.execute(HOLD, list(record_ids))


async def begin(connection: Connection, record_id: UUID, erasure_id: UUID, erased_at: datetime) -> bool:
    """Stores the erased id and deletes the waiting messages about it. Returns False when the id was stored before.

    An erasure under another id is acknowledged again under that one: identity has lost the former decision, and the
    record was erased once more before `recover` had repeated it.
    """
    await hold(connection, [record_id])
    if await connection.fetchval(REMEMBER, record_id, erasure_id, erased_at) is None:
        await connection.execute(REMEMBER_OTHER, record_id, erasure_id)
        return False
    key = str(record_id)
    await connection.execute(DELETE_PARKED, key.encode())
    await connection.execute(DELETE_BROKEN, key)
    await connection.execute(DELETE_WITHHELD, key)
    await connection.execute(DELETE_UNSENT, key.encode(), list(KEPT_UNSENT))
    await connection.execute(DELETE_SENT, key.encode(), list(KEPT_UNSENT))
    await connection.execute(DELETE_REFUSED, key.encode(), list(KEPT_UNSENT))
    return True


async def begin_each(
    connection: Connection, messages: Sequence[Message[RecordErased]], destroy: Destroy, lock: Lock | None = None
) -> list[Message[RecordErased]]:
    """Begins the erasures that are new here, destroys what must go at once, and returns their messages.

    The newest message about a record counts: its erasure is the one that identity waits for. `lock` takes the rows,
    sorted, that the service locks before it writes about a record.
    """
    newest = {message.event.record_id: message for message in messages}
    ids = sorted(newest)
    await hold(connection, ids)
    if lock is not None:
        await lock(connection, ids)
    new = [newest[id] for id in ids if await begin(connection, id, newest[id].event.erasure_id, erased_at=clock.now())]
    for message in new:
        record_id = message.event.record_id
        await count_destroyed(connection, record_id, await destroy(connection, record_id))
    return new


async def erased_among(connection: Connection, record_ids: Iterable[UUID]) -> set[UUID]:
    """Returns which of these records are erased. No other of them becomes erased before this transaction ends."""
    rows = await connection.fetch(SELECT_ERASED, list(set(record_ids)))
    return {row["record_id"] for row in rows}


async def unfinished(connection: Connection, limit: int = 10) -> list[UUID]:
    """Returns erased records that may have data left here, oldest first."""
    return [row["record_id"] for row in await connection.fetch(SELECT_UNFINISHED, limit)]


async def count_destroyed(connection: Connection, record_id: UUID, destroyed: Mapping[str, int]) -> None:
    """Adds to the counts of destroyed items, in the transaction that destroys them."""
    some = {name: count for name, count in destroyed.items() if count}
    if some:
        await connection.execute(ADD_DESTROYED, record_id, orjson.dumps(some).decode())


async def acknowledge(connection: Connection, service: Service, record_id: UUID) -> None:
    """Sends the acknowledgement once. Must be the last step of its transaction."""
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
    """The loop `finish-erasures` of a worker. `remove` removes a batch of a record's rows and returns their counts.

    Each batch is a transaction with its counts, so that after a crash another process can continue.
    """

    def __init__(self, service: Service, remove: Destroy) -> None:
        self._service = service
        self._remove = remove

    async def round(self, pool: Pool) -> None:
        """Removes some batches of the unfinished erasures, oldest first; waits a little when there are none."""
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
        """Removes one batch, or acknowledges. Returns True when nothing is left to do or another worker is at it."""
        if await connection.fetchval(TAKE_UNFINISHED, record_id) is None:
            return True
        removed = await self._remove(connection, record_id)
        if any(removed.values()):
            await count_destroyed(connection, record_id, removed)
            return False
        await acknowledge(connection, self._service, record_id)
        return True
