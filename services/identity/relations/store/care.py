"""Care relations: invitations of carers and their outcomes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.identity.kit.sealed_rows import Sealed
from services.identity.relations.domain.care import CareRelation, CareStatus
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_in, bucket_of

INSERT_CARE = """
insert into care_relations (bucket, id, record_id, invited, code_hash, key_id, sealed, status, invited_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9)"""


async def insert_care(connection: Connection, new: CareRelation) -> None:
    """Inserts an invitation."""
    sealed = new.detail.key_id, new.detail.data
    place = bucket_of(new.record_id), new.id, new.record_id
    await connection.execute(
        INSERT_CARE, *place, new.invited_fingerprint, new.code_hash, *sealed, new.invited_at, new.expires_at
    )


SELECT_CARERS = """
select id, record_id, carer_id, invited, code_hash, key_id, sealed, status, invited_at, expires_at,
  settled_at
from care_relations where bucket = $1 and record_id = $2 order by invited_at, id"""
SELECT_CARED = """
select id, record_id, carer_id, invited, code_hash, key_id, sealed, status, invited_at, expires_at,
  settled_at
from care_relations where carer_id = $1 order by invited_at, id"""
SELECT_INVITATIONS = """
select id, record_id, carer_id, invited, code_hash, key_id, sealed, status, invited_at, expires_at,
  settled_at
from care_relations where invited = any($1::text[]) and status = 'pending' order by invited_at, id"""
FIND_BY_CODE = """
select id, record_id, carer_id, invited, code_hash, key_id, sealed, status, invited_at, expires_at,
  settled_at
from care_relations where code_hash = any($1::text[])"""
SELECT_CARE = """
select id, record_id, carer_id, invited, code_hash, key_id, sealed, status, invited_at, expires_at,
  settled_at
from care_relations where bucket = $1 and id = $2"""


async def load_carers(connection: Connection, record_id: UUID) -> list[CareRelation]:
    """Returns all invitations to care for the holder of this record, with their outcomes."""
    return [_care(row) for row in await connection.fetch(SELECT_CARERS, bucket_of(record_id), record_id)]


async def load_cared_for(connection: Connection, record_id: UUID) -> list[CareRelation]:
    """Returns all relations in which the holder of this record was a carer."""
    return [_care(row) for row in await connection.fetch(SELECT_CARED, record_id)]


async def load_invitations(connection: Connection, fingerprints: Sequence[str]) -> list[CareRelation]:
    """Returns the unanswered invitations of the person whose INS has one of these fingerprints."""
    return [_care(row) for row in await connection.fetch(SELECT_INVITATIONS, fingerprints)]


async def find_invitation_by_code(connection: Connection, code_hashes: Sequence[str]) -> CareRelation | None:
    """Returns the invitation with one of these code hashes, or None."""
    row = await connection.fetchrow(FIND_BY_CODE, code_hashes)
    return None if row is None else _care(row)


async def load_care(connection: Connection, id: UUID) -> CareRelation | None:
    """Returns the relation with this id, or None."""
    row = await connection.fetchrow(SELECT_CARE, bucket_in(id), id)
    return None if row is None else _care(row)


SETTLE_CARE = """
update care_relations set status = $3, settled_at = $4, carer_id = coalesce($5, carer_id)
where bucket = $1 and id = $2"""


async def settle_care(
    connection: Connection, id: UUID, status: CareStatus, at: datetime, carer_id: UUID | None = None
) -> None:
    """Stores an answer, a withdrawal, an expiry or an end; `carer_id`: who answered. The caller has locked the
    record."""
    await connection.execute(SETTLE_CARE, bucket_in(id), id, status, at, carer_id)


EXPIRE_PENDING = """
update care_relations set status = 'expired', settled_at = $1
where (bucket, id) in (
  select bucket, id from care_relations where status = 'pending' and expires_at <= $1
  order by expires_at limit $2 for update skip locked)"""
FORGET_UNANSWERED = """
delete from care_relations where (bucket, id) in (
  select bucket, id from care_relations
  where status in ('refused', 'expired', 'withdrawn') and settled_at < $1 order by settled_at limit $2)"""


async def expire_invitations(connection: Connection, now: datetime, limit: int) -> int:
    """Marks expired invitations. Returns how many."""
    return count_of(await connection.execute(EXPIRE_PENDING, now, limit))


async def delete_unanswered(connection: Connection, before: datetime, limit: int) -> int:
    """Deletes invitations that ended without a relation before this time. Returns how many."""
    return count_of(await connection.execute(FORGET_UNANSWERED, before, limit))


DELETE_OF_RECORD = "delete from care_relations where bucket = $1 and record_id = $2 returning id"
DELETE_BY_CARER = "delete from care_relations where carer_id = $1 or invited = any($2::text[]) returning id"


async def delete_care(connection: Connection, record_id: UUID, fingerprints: Sequence[str]) -> int:
    """Deletes the relations of a record, and those of its holder as a carer or an invited person. Returns how many."""
    deleted = await connection.fetch(DELETE_OF_RECORD, bucket_of(record_id), record_id)
    return len(deleted) + len(await connection.fetch(DELETE_BY_CARER, record_id, fingerprints))


def _care(row: asyncpg.Record) -> CareRelation:
    return CareRelation(
        id=row["id"],
        record_id=row["record_id"],
        carer_id=row["carer_id"],
        invited_fingerprint=row["invited"],
        code_hash=row["code_hash"],
        detail=Sealed(row["key_id"], row["sealed"]),
        status=row["status"],
        invited_at=row["invited_at"],
        expires_at=row["expires_at"],
        settled_at=row["settled_at"],
    )
