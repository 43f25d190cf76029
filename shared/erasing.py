"""Erasure, the part that every service has: the memory of erased ids and the messages that still wait.

A service begins in one transaction (`begin`, its keys, the tombstones of its compacted topics), removes the bytes in
steps that can be taken up again, and acknowledges when nothing is left (`acknowledge`).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import orjson

from shared import clock
from shared.contracts.identity import ErasureAcknowledged
from shared.contracts.topics import AUDIT_ACCESSES, IDENTITY_ERASURES
from shared.db.pool import Connection
from shared.outbox import announce, append

REMEMBER = """
insert into erased_records (record_id, erasure_id, erased_at) values ($1, $2, $3)
on conflict on constraint erased_records_pkey do nothing returning record_id"""
DELETE_PARKED = "delete from parked_messages where key = $1"
DELETE_UNSENT = "delete from outbox where key = $1 and topic <> all($2::text[])"
SELECT_ERASED = "select record_id from erased_records where record_id = any($1::uuid[])"
SELECT_UNFINISHED = """
select record_id, erasure_id from erased_records where acknowledged_at is null order by erased_at limit $1"""
ADD_DESTROYED = """
update erased_records set destroyed = destroyed || (
  select coalesce(jsonb_object_agg(name, count::bigint + coalesce((destroyed ->> name)::bigint, 0)), '{}')
  from jsonb_each_text($2::jsonb) as gone(name, count))
where record_id = $1"""
ACKNOWLEDGE = """
update erased_records set acknowledged_at = $2 where record_id = $1 and acknowledged_at is null
returning erasure_id, destroyed"""
KEPT_UNSENT = (AUDIT_ACCESSES.name, IDENTITY_ERASURES.name)
"""What is told of the record is not unsaid: the ledger keeps its entries, about a person no longer known."""


async def begin(connection: Connection, record_id: UUID, erasure_id: UUID, erased_at: datetime) -> bool:
    """Remembers the id and destroys what waits here about it. False when it was remembered before."""
    if await connection.fetchval(REMEMBER, record_id, erasure_id, erased_at) is None:
        return False
    key = str(record_id).encode()
    await connection.execute(DELETE_PARKED, key)
    await connection.execute(DELETE_UNSENT, key, list(KEPT_UNSENT))
    return True


async def erased_among(connection: Connection, record_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these records are erased."""
    rows = await connection.fetch(SELECT_ERASED, list(set(record_ids)))
    return {row["record_id"] for row in rows}


async def unfinished(connection: Connection, limit: int = 10) -> list[UUID]:
    """Erased records of which something may be left here, oldest first."""
    return [row["record_id"] for row in await connection.fetch(SELECT_UNFINISHED, limit)]


async def count_destroyed(connection: Connection, record_id: UUID, destroyed: Mapping[str, int]) -> None:
    """Adds to what was destroyed, in the transaction that destroys it."""
    await connection.execute(ADD_DESTROYED, record_id, orjson.dumps(dict(destroyed)).decode())


async def acknowledge(connection: Connection, service: str, record_id: UUID) -> None:
    """Says, once, that nothing is left. The last thing a transaction does."""
    now = clock.now()
    row = await connection.fetchrow(ACKNOWLEDGE, record_id, now)
    if row is None:
        return
    said = ErasureAcknowledged(
        record_id=record_id,
        erasure_id=row["erasure_id"],
        service=service,
        destroyed=orjson.loads(row["destroyed"]),
        acknowledged_at=now,
    )
    await append(connection, [announce(said)])
