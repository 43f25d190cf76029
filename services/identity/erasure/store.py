"""Stores decisions to erase, acknowledgements and receipts, and restores versions after lost commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from services.identity.erasure.domain import ErasureAcknowledgement, ErasureReason
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, bucket_of


@dataclass(frozen=True, slots=True)
class Erasure:
    """A decision to erase. `receipt`: present once all services have acknowledged."""

    id: UUID
    record_id: UUID
    reason: ErasureReason
    decided_at: datetime
    completed_at: datetime | None = None
    receipt: str | None = None


INSERT_ERASURE = "insert into erasures (bucket, id, record_id, reason, decided_at) values ($1, $2, $3, $4, $5)"


async def insert_erasure(connection: Connection, erasure: Erasure) -> None:
    """Inserts a decision."""
    place = (bucket_in(erasure.id), erasure.id, erasure.record_id)
    await connection.execute(INSERT_ERASURE, *place, erasure.reason, erasure.decided_at)


SELECT_ERASURE = """
select id, record_id, reason, decided_at, completed_at, receipt from erasures where bucket = $1 and id = $2"""
FIND_ERASURE = """
select id, record_id, reason, decided_at, completed_at, receipt from erasures where bucket = $1 and record_id = $2"""


async def load_erasure(connection: Connection, erasure_id: UUID) -> Erasure | None:
    """Returns the erasure with this id, or None."""
    row = await connection.fetchrow(SELECT_ERASURE, bucket_in(erasure_id), erasure_id)
    return None if row is None else Erasure(**row)


async def find_erasure(connection: Connection, record_id: UUID) -> Erasure | None:
    """Returns the erasure of this record, or None."""
    row = await connection.fetchrow(FIND_ERASURE, bucket_of(record_id), record_id)
    return None if row is None else Erasure(**row)


LOCK_ERASURES = """
select erasure.id, erasure.record_id, erasure.reason, erasure.decided_at, erasure.completed_at, erasure.receipt
from erasures erasure
join unnest($1::integer[], $2::uuid[]) as requested(bucket, id)
  on erasure.bucket = requested.bucket and erasure.id = requested.id
order by erasure.bucket, erasure.id for update of erasure"""


async def lock_erasures(connection: Connection, ids: Sequence[UUID]) -> list[Erasure]:
    """Returns the existing erasures among these ids, locked in order until the transaction ends."""
    rows = await connection.fetch(LOCK_ERASURES, [bucket_in(id) for id in ids], list(ids))
    return [Erasure(**row) for row in rows]


INSERT_ACKNOWLEDGEMENT = """
insert into erasure_acknowledgements (bucket, erasure_id, service, destroyed, acknowledged_at)
values ($1, $2, $3, $4, $5) on conflict on constraint erasure_acknowledgements_pkey do nothing"""
SELECT_ACKNOWLEDGEMENTS = """
select service, destroyed, acknowledged_at from erasure_acknowledgements
where bucket = $1 and erasure_id = $2 order by service"""


async def insert_acknowledgement(
    connection: Connection, erasure_id: UUID, acknowledgement: ErasureAcknowledgement
) -> None:
    """Inserts the acknowledgement of a service; a later one of the service is ignored."""
    destroyed = orjson.dumps(acknowledgement.destroyed).decode()
    place = (bucket_in(erasure_id), erasure_id)
    await connection.execute(
        INSERT_ACKNOWLEDGEMENT, *place, acknowledgement.service, destroyed, acknowledgement.acknowledged_at
    )


async def load_acknowledgements(connection: Connection, erasure_id: UUID) -> tuple[ErasureAcknowledgement, ...]:
    """Returns the acknowledgements in order of service."""
    rows = await connection.fetch(SELECT_ACKNOWLEDGEMENTS, bucket_in(erasure_id), erasure_id)
    return tuple(
        ErasureAcknowledgement(
            service=row["service"],
            acknowledged_at=row["acknowledged_at"],
            destroyed=orjson.loads(row["destroyed"]),
        )
        for row in rows
    )


COMPLETE_ERASURE = "update erasures set completed_at = $3, receipt = $4 where bucket = $1 and id = $2"


async def complete_erasure(connection: Connection, erasure_id: UUID, at: datetime, receipt: str) -> None:
    """Stores the receipt: all services have acknowledged."""
    await connection.execute(COMPLETE_ERASURE, bucket_in(erasure_id), erasure_id, at, receipt)


COUNT_OVERDUE = "select count(*) from erasures where completed_at is null and decided_at < $1"


async def count_overdue(connection: Connection, decided_before: datetime) -> int:
    """Returns how many incomplete erasures were decided before this time."""
    return int(await connection.fetchval(COUNT_OVERDUE, decided_before))


RAISE_RECORD = "update records set version = $3 where bucket = $1 and id = $2 and version < $3"
RAISE_PEOPLE = "update people_states set version = $3 where bucket = $1 and record_id = $2 and version < $3"
RAISE_CONTACT = "update contacts set version = $3 where bucket = $1 and record_id = $2 and version < $3"


RAISE_PEOPLE_TO_CALL = "update people_to_call set version = $3 where bucket = $1 and record_id = $2 and version < $3"


async def raise_people_to_call_version(connection: Connection, record_id: UUID, version: int) -> None:
    """Raises the version of a list of people to call to at least this one."""
    await connection.execute(RAISE_PEOPLE_TO_CALL, bucket_of(record_id), record_id, version)


async def raise_record_version(connection: Connection, record_id: UUID, version: int) -> None:
    """Raises the version of a record to at least this one."""
    await connection.execute(RAISE_RECORD, bucket_of(record_id), record_id, version)


async def raise_people_version(connection: Connection, record_id: UUID, version: int) -> None:
    """Raises the version of a record's people to at least this one."""
    await connection.execute(RAISE_PEOPLE, bucket_of(record_id), record_id, version)


async def raise_contact_version(connection: Connection, record_id: UUID, version: int) -> None:
    """Raises the version of a contact to at least this one."""
    await connection.execute(RAISE_CONTACT, bucket_of(record_id), record_id, version)


END_ALL_SESSIONS = "update sessions set ended_at = $1, ended_for = 'database-recovered' where ended_at is null"
END_PROFESSIONAL_SESSIONS = "delete from professional_sessions"


async def end_all_sessions(connection: Connection, now: datetime) -> None:
    """Ends all sessions; everyone has to sign in again."""
    await connection.execute(END_ALL_SESSIONS, now)
    await connection.execute(END_PROFESSIONAL_SESSIONS)
