"""Writes versions of measures."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.records.facts.domain.documents import DepositorKind
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in

MOST_A_DAY: Final = 500
"""The most measures of one day in a record, so that no device fills it."""
FIND_SENT = "select id from measures where bucket = $1 and record_id = $2 and digest = $3"
# A measure that is sent twice at the same moment is entered once.
INSERT_MEASURE = """
insert into measures (bucket, record_id, id, version, code, measured_on, masked, deposited_by, depositor_id, digest,
                      recorded_at, body)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
where $4 > 1 or (
  select count(*) from measures where bucket = $1 and record_id = $2 and measured_on = $6 and life = 'current'
) < $13
on conflict (bucket, record_id, digest) where digest is not null do nothing
returning id"""
LOCK_CURRENT = """
select record_id, version, code, masked, deposited_by, depositor_id from measures
where bucket = $1 and id = $2 and life = 'current' for update nowait"""
SUPERSEDE = "update measures set life = 'superseded' where bucket = $1 and id = $2 and life = 'current'"
DELETE_MEASURE = "update measures set life = 'deleted', digest = null where bucket = $1 and id = $2"


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version to be stored. `digest`: of a first version."""

    record_id: UUID
    id: UUID
    version: int
    code: str
    measured_on: date
    masked: bool
    deposited_by: DepositorKind
    depositor_id: str
    recorded_at: datetime
    body: bytes
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class CurrentVersion:
    """The codes of the current version of a measure."""

    record_id: UUID
    version: int
    code: str
    masked: bool
    deposited_by: DepositorKind
    depositor_id: str


async def find_sent(connection: Connection, bucket: int, record_id: UUID, digest: bytes) -> UUID | None:
    """Returns the measure that was entered with this digest, None if there is none."""
    id: UUID | None = await connection.fetchval(FIND_SENT, bucket, record_id, digest)
    return id


async def insert_version(connection: Connection, new: NewVersion) -> bool:
    """Stores a version. Returns False where the first version is here already, or the day has as many as it takes."""
    inserted = await connection.fetchval(
        INSERT_MEASURE,
        bucket_in(new.id),
        new.record_id,
        new.id,
        new.version,
        new.code,
        new.measured_on,
        new.masked,
        new.deposited_by,
        new.depositor_id,
        new.digest,
        new.recorded_at,
        new.body,
        MOST_A_DAY,
    )
    return inserted is not None


async def lock_current(connection: Connection, id: UUID) -> CurrentVersion | None:
    """Locks the current version of a measure and returns its codes; None where there is none.

    Raises asyncpg.LockNotAvailableError when another transaction has locked it.
    """
    row = await connection.fetchrow(LOCK_CURRENT, bucket_in(id), id)
    return None if row is None else CurrentVersion(**row)


async def supersede(connection: Connection, id: UUID) -> None:
    """Marks the current version as corrected. It must be locked."""
    await connection.execute(SUPERSEDE, bucket_in(id), id)


async def delete_versions(connection: Connection, id: UUID) -> None:
    """Marks every version as deleted. The current one must be locked."""
    await connection.execute(DELETE_MEASURE, bucket_in(id), id)
