"""Lists of people to call: one sealed list for each record."""

from uuid import UUID

from services.identity.kit.sealed_rows import Sealed
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_LIST = "select key_id, sealed from people_to_call where bucket = $1 and record_id = $2"
UPSERT_LIST = """
insert into people_to_call (bucket, record_id, key_id, sealed) values ($1, $2, $3, $4)
on conflict on constraint people_to_call_pkey do update set key_id = excluded.key_id, sealed = excluded.sealed"""
DELETE_LIST = "delete from people_to_call where bucket = $1 and record_id = $2 returning record_id"


async def load_people_to_call(connection: Connection, record_id: UUID) -> Sealed | None:
    """Returns the sealed list, or None if there is none."""
    row = await connection.fetchrow(SELECT_LIST, bucket_of(record_id), record_id)
    return None if row is None else Sealed(row["key_id"], row["sealed"])


async def put_people_to_call(connection: Connection, record_id: UUID, sealed: Sealed) -> None:
    """Replaces the whole list."""
    await connection.execute(UPSERT_LIST, bucket_of(record_id), record_id, sealed.key_id, sealed.data)


async def delete_people_to_call(connection: Connection, record_id: UUID) -> int:
    """Deletes the list. Returns how many lists there were."""
    return len(await connection.fetch(DELETE_LIST, bucket_of(record_id), record_id))
