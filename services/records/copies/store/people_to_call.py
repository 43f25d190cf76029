"""Stores the copies of lists of people to call."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_KEYS = """
select k.record_id, k.kid, k.wrapped
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id)
join record_keys k on k.bucket = wanted.bucket and k.record_id = wanted.id"""
UPSERT_PEOPLE_TO_CALL = """
insert into people_to_call (bucket, record_id, version, partition, sealed)
select bucket, record_id, version, partition, sealed
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::integer[], $5::bytea[])
  as given(bucket, record_id, version, partition, sealed)
order by record_id
on conflict on constraint people_to_call_pkey do update
set version = excluded.version, partition = excluded.partition, sealed = excluded.sealed
where excluded.version > people_to_call.version
returning record_id"""


@dataclass(frozen=True, slots=True)
class SealedPeopleToCall:
    """A list of people to call, sealed under the record's data key."""

    record_id: UUID
    version: int
    partition: int
    sealed: bytes


async def load_keys(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, WrappedKey]:
    """Returns the data keys of these records."""
    rows = await connection.fetch(SELECT_KEYS, [bucket_of(id) for id in ids], ids)
    return {row["record_id"]: WrappedKey(row["kid"], row["wrapped"]) for row in rows}


async def upsert_people_to_call(connection: Connection, lists: Sequence[SealedPeopleToCall]) -> set[UUID]:
    """Stores newer versions; returns the ids of the records whose list is newer now."""
    rows = await connection.fetch(
        UPSERT_PEOPLE_TO_CALL,
        [bucket_of(people.record_id) for people in lists],
        [people.record_id for people in lists],
        [people.version for people in lists],
        [people.partition for people in lists],
        [people.sealed for people in lists],
    )
    return {row["record_id"] for row in rows}
