"""Stores lists of people to call: one sealed list for each record."""

from uuid import UUID

from services.identity.kit.sealed_rows import Sealed
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_LIST = "select key_id, sealed from people_to_call where bucket = $1 and record_id = $2"
UPSERT_LIST = """
insert into people_to_call (bucket, record_id, key_id, sealed, version) values ($1, $2, $3, $4, 1)
on conflict on constraint people_to_call_pkey do update
set key_id = excluded.key_id, sealed = excluded.sealed, version = people_to_call.version + 1
returning version"""
DELETE_LIST = "delete from people_to_call where bucket = $1 and record_id = $2 returning record_id"


async def load_people_to_call(connection: Connection, record_id: UUID) -> Sealed | None:
    """Returns the sealed list, or None if there is none."""
    row = await connection.fetchrow(SELECT_LIST, bucket_of(record_id), record_id)
    return None if row is None else Sealed(row["key_id"], row["sealed"])


async def put_people_to_call(connection: Connection, record_id: UUID, sealed: Sealed) -> int:
    """Replaces the whole list. Returns its new version."""
    version: int = await connection.fetchval(UPSERT_LIST, bucket_of(record_id), record_id, sealed.key_id, sealed.data)
    return version


TAKE_UNANNOUNCED = """
with taken as materialized (
  select bucket, record_id from people_to_call where version = 0 limit $1 for update skip locked
)
update people_to_call p set version = 1
from taken where p.bucket = taken.bucket and p.record_id = taken.record_id
returning p.record_id, p.key_id, p.sealed"""


async def take_unannounced(connection: Connection, limit: int) -> dict[UUID, Sealed]:
    """Gives up to `limit` lists that have no version the first one; returns them by record."""
    rows = await connection.fetch(TAKE_UNANNOUNCED, limit)
    return {row["record_id"]: Sealed(row["key_id"], row["sealed"]) for row in rows}


async def delete_people_to_call(connection: Connection, record_id: UUID) -> int:
    """Deletes the list. Returns how many lists there were."""
    return len(await connection.fetch(DELETE_LIST, bucket_of(record_id), record_id))
