"""Legal representations."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.identity.kit.sealed_rows import Sealed
from services.identity.relations.domain.representation import Representation, RepresentationStatus
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, bucket_of

LOCK_RECORDS = """
select record.id from records record
join unnest($1::integer[], $2::uuid[]) as requested(bucket, id)
  on record.bucket = requested.bucket and record.id = requested.id
order by record.bucket, record.id for update of record"""


async def lock_records(connection: Connection, record_ids: Sequence[UUID]) -> set[UUID]:
    """Returns the existing records among these ids, locked in order until the transaction ends."""
    rows = await connection.fetch(LOCK_RECORDS, [bucket_of(record_id) for record_id in record_ids], list(record_ids))
    return {row["id"] for row in rows}


INSERT_REPRESENTATION = """
insert into representations (bucket, id, record_id, representative_id, basis, evidence, key_id, sealed, status,
  starts_at, ends_at, requested_at, settled_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text, $10, $11, $12::timestamptz,
  case when $9::text = 'validated' then $12::timestamptz end)
on conflict do nothing returning id"""


async def insert_representation(connection: Connection, new: Representation) -> bool:
    """Inserts a representation. Returns False when this person already represents the holder or has requested it."""
    row = await connection.fetchval(
        INSERT_REPRESENTATION,
        bucket_of(new.record_id),
        new.id,
        new.record_id,
        new.representative_id,
        new.basis,
        new.evidence,
        new.reference.key_id,
        new.reference.data,
        new.status,
        new.starts_at,
        new.ends_at,
        new.requested_at,
    )
    return row is not None


SELECT_REPRESENTATIONS = """
select id, record_id, representative_id, basis, evidence, key_id, sealed, status, starts_at, ends_at, requested_at
from representations where bucket = $1 and record_id = $2 order by requested_at, id"""
SELECT_REPRESENTED = """
select id, record_id, representative_id, basis, evidence, key_id, sealed, status, starts_at, ends_at, requested_at
from representations where representative_id = $1 order by requested_at, id"""


async def load_representations(connection: Connection, record_id: UUID) -> list[Representation]:
    """Returns all past and present representations of a record, in the order of request."""
    rows = await connection.fetch(SELECT_REPRESENTATIONS, bucket_of(record_id), record_id)
    return [_representation(row) for row in rows]


FIRST_OF_MINOR = """
select representative_id from representations
where bucket = $1 and record_id = $2 and status = 'validated' and basis = 'representative-of-minor'
order by settled_at, requested_at, id limit 1"""


async def load_first_of_minor(connection: Connection, record_id: UUID) -> UUID | None:
    """Returns the representative of a minor whose validation is the oldest, or None."""
    representative_id: UUID | None = await connection.fetchval(FIRST_OF_MINOR, bucket_of(record_id), record_id)
    return representative_id


async def load_represented(connection: Connection, record_id: UUID) -> list[Representation]:
    """Returns all past and present representations by the holder of this record."""
    return [_representation(row) for row in await connection.fetch(SELECT_REPRESENTED, record_id)]


SETTLE_REPRESENTATION = """
update representations set status = $3, settled_at = $4, ended_for = $5 where bucket = $1 and id = $2"""


async def settle_representation(
    connection: Connection, id: UUID, status: RepresentationStatus, at: datetime, ended_for: str | None = None
) -> None:
    """Validates, refuses or ends a representation; `ended_for`: a code. The caller has locked the record."""
    await connection.execute(SETTLE_REPRESENTATION, bucket_in(id), id, status, at, ended_for)


FIND_ENDED = """
select distinct record_id from representations
where status = 'validated' and ends_at <= $1 and record_id <> all($3::uuid[]) limit $2"""


async def find_records_with_ended(
    connection: Connection, now: datetime, limit: int, passed_over: Sequence[UUID] = ()
) -> list[UUID]:
    """Returns records with a representation past its end, except `passed_over`."""
    return [row["record_id"] for row in await connection.fetch(FIND_ENDED, now, limit, passed_over)]


DELETE_OF_RECORD = "delete from representations where bucket = $1 and record_id = $2 returning id"
DELETE_BY_REPRESENTATIVE = "delete from representations where representative_id = $1 returning id"


async def delete_representations(connection: Connection, record_id: UUID) -> int:
    """Deletes the representations of a record, and those by its holder. Returns how many."""
    deleted = await connection.fetch(DELETE_OF_RECORD, bucket_of(record_id), record_id)
    return len(deleted) + len(await connection.fetch(DELETE_BY_REPRESENTATIVE, record_id))


def _representation(row: asyncpg.Record) -> Representation:
    return Representation(
        id=row["id"],
        record_id=row["record_id"],
        representative_id=row["representative_id"],
        basis=row["basis"],
        evidence=row["evidence"],
        reference=Sealed(row["key_id"], row["sealed"]),
        status=row["status"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        requested_at=row["requested_at"],
    )
