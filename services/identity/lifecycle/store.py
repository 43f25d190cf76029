"""Stores the closing, reopening and deletion of records, the suppression list, and links between records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from services.identity.kit.sealed_rows import Sealed
from services.identity.lifecycle.domain.lifecycle import ClosureCause, LifecycleState, RequestChannel, state_of
from services.identity.relations.store.representations import lock_records
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_of


@dataclass(frozen=True, slots=True)
class LifecycleRecord:
    """A record with the data needed to change its state and to announce the change."""

    id: UUID
    person_id: UUID
    version: int
    opened_at: datetime
    cause: ClosureCause | None
    closed_at: datetime | None
    person: Sealed
    linked_to: UUID | None

    @property
    def state(self) -> LifecycleState:
        """The record's state in the life cycle."""
        return state_of(self.cause)


LOCK_RECORD = "select version from records where bucket = $1 and id = $2 for update"
SELECT_LIFECYCLE_RECORD = """
select record.id, record.person_id, record.version, record.opened_at, closure.cause, closure.closed_at,
  person.key_id, person.sealed, record.linked_to
from records record
join persons person on person.bucket = record.bucket and person.id = record.person_id
left join closures closure on closure.bucket = record.bucket and closure.record_id = record.id
where record.bucket = $1 and record.id = $2"""


async def load_lifecycle_record(
    connection: Connection, record_id: UUID, *, lock: bool = True
) -> LifecycleRecord | None:
    """Returns the record, locked until the transaction ends unless `lock` is False; None if there is none."""
    place = (bucket_of(record_id), record_id)
    if lock:
        await connection.execute(LOCK_RECORD, *place)
    row = await connection.fetchrow(SELECT_LIFECYCLE_RECORD, *place)
    if row is None:
        return None
    return lifecycle_record(row)


def lifecycle_record(row: asyncpg.Record) -> LifecycleRecord:
    """Returns the record of a row with the columns of SELECT_LIFECYCLE_RECORD."""
    return LifecycleRecord(
        row["id"],
        row["person_id"],
        row["version"],
        row["opened_at"],
        row["cause"],
        row["closed_at"],
        Sealed(row["key_id"], row["sealed"]),
        row["linked_to"],
    )


SET_STATUS = "update records set status = $3, version = $4 where bucket = $1 and id = $2"
UPSERT_CLOSURE = """
insert into closures (bucket, record_id, cause, closed_at, is_death_announced)
values ($1, $2, $3::text, $4, $3::text = 'death')
on conflict on constraint closures_pkey do update
set cause = excluded.cause, is_death_announced = excluded.is_death_announced"""
DELETE_CLOSURE = "delete from closures where bucket = $1 and record_id = $2"


async def close(connection: Connection, record_id: UUID, version: int, cause: ClosureCause, at: datetime) -> None:
    """Closes the record at this version. A record that is already closed keeps its closing time."""
    await connection.execute(SET_STATUS, bucket_of(record_id), record_id, "closed", version)
    await connection.execute(UPSERT_CLOSURE, bucket_of(record_id), record_id, cause, at)


async def reopen(connection: Connection, record_id: UUID, version: int) -> None:
    """Reopens the record at this version."""
    await connection.execute(SET_STATUS, bucket_of(record_id), record_id, "open", version)
    await connection.execute(DELETE_CLOSURE, bucket_of(record_id), record_id)


FIND_UNANNOUNCED_DEATHS = """
select record_id from closures where cause = 'death' and not is_death_announced and record_id <> all($2::uuid[])
order by closed_at limit $1"""


async def find_unannounced_deaths(connection: Connection, limit: int, passed_over: Sequence[UUID] = ()) -> list[UUID]:
    """Returns records whose holder's death was recorded before deaths were announced, except `passed_over`."""
    return [row["record_id"] for row in await connection.fetch(FIND_UNANNOUNCED_DEATHS, limit, passed_over)]


FIND_CLOSED_BEFORE = """
select record_id from closures where closed_at <= $1 and record_id <> all($3::uuid[]) order by closed_at limit $2"""


async def find_closed_before(
    connection: Connection, closed_before: datetime, limit: int, passed_over: Sequence[UUID] = ()
) -> list[UUID]:
    """Returns records closed at this time or earlier, the oldest first, except `passed_over`."""
    return [row["record_id"] for row in await connection.fetch(FIND_CLOSED_BEFORE, closed_before, limit, passed_over)]


DELETE_CONTACTS = "delete from contacts where bucket = $1 and record_id = $2"
DELETE_RECORD = "delete from records where bucket = $1 and id = $2"
DELETE_PERSON = "delete from persons where bucket = $1 and id = $2"
DELETE_FINGERPRINTS = "delete from ins_fingerprints where fingerprint = any($1::text[]) and record_id = $2"


async def delete_contacts(connection: Connection, record_id: UUID) -> int:
    """Deletes a record's contacts. Returns how many rows were deleted."""
    return count_of(await connection.execute(DELETE_CONTACTS, bucket_of(record_id), record_id))


async def delete_closures(connection: Connection, record_id: UUID) -> int:
    """Deletes a record's closures. Returns how many rows were deleted."""
    return count_of(await connection.execute(DELETE_CLOSURE, bucket_of(record_id), record_id))


async def delete_fingerprints(connection: Connection, record_id: UUID, fingerprints: Sequence[str]) -> int:
    """Deletes a record's fingerprints. Returns how many rows were deleted."""
    return count_of(await connection.execute(DELETE_FINGERPRINTS, fingerprints, record_id))


async def delete_record(connection: Connection, record_id: UUID) -> int:
    """Deletes the record's row, to which all its other rows refer. Returns how many rows were deleted."""
    return count_of(await connection.execute(DELETE_RECORD, bucket_of(record_id), record_id))


async def delete_person(connection: Connection, record_id: UUID, person_id: UUID) -> int:
    """Deletes the person's row, after all others. Returns how many rows were deleted."""
    return count_of(await connection.execute(DELETE_PERSON, bucket_of(record_id), person_id))


INSERT_SUPPRESSION = """
insert into opening_suppressions (fingerprint, reason, channel, since) values ($1, $2, $3, $4)
on conflict on constraint opening_suppressions_pkey do nothing"""
LIFT_SUPPRESSION = "delete from opening_suppressions where fingerprint = any($1::text[])"
FIND_SUPPRESSIONS = "select fingerprint, reason from opening_suppressions where fingerprint = any($1::text[])"
SuppressionReason = Literal["objected", "erased"]


async def suppress(
    connection: Connection, fingerprint: str, reason: SuppressionReason, channel: RequestChannel | None, since: datetime
) -> bool:
    """Adds a person to the suppression list, so that no campaign opens a record for them.

    Returns False if the person is on it already; that entry stays unchanged.
    """
    return count_of(await connection.execute(INSERT_SUPPRESSION, fingerprint, reason, channel, since)) > 0


async def lift_suppression(connection: Connection, fingerprints: Sequence[str]) -> int:
    """Removes a person from the suppression list. Returns how many rows there were."""
    return count_of(await connection.execute(LIFT_SUPPRESSION, fingerprints))


async def load_suppressions(connection: Connection, fingerprints: Sequence[str]) -> dict[str, SuppressionReason]:
    """Returns the suppression reasons by fingerprint; fingerprints that are not on the list are left out.

    A campaign checks the list before it opens records.
    """
    return {row["fingerprint"]: row["reason"] for row in await connection.fetch(FIND_SUPPRESSIONS, fingerprints)}


SET_LINK = "update records set linked_to = $3, version = $4 where bucket = $1 and id = $2"


async def set_link(connection: Connection, record_id: UUID, other: UUID | None, version: int) -> None:
    """Stores the linked record at this version; None: no link."""
    await connection.execute(SET_LINK, bucket_of(record_id), record_id, other, version)


async def lock_pair(connection: Connection, first: UUID, second: UUID) -> list[LifecycleRecord]:
    """Returns the existing records among the two, in the given order.

    They are locked in the order of ids until the transaction ends.
    """
    await lock_records(connection, [first, second])
    pair = [await load_lifecycle_record(connection, record, lock=False) for record in (first, second)]
    return [record for record in pair if record is not None]


async def lock_linked(connection: Connection, record_id: UUID) -> list[LifecycleRecord]:
    """Returns a record and the one linked to it, both locked in order; empty if there is none.

    The link can change until both records are locked. In that case the locks are released and the link is read again:
    locks kept meanwhile would be out of order, and two transactions waiting for each other would both fail.
    """
    while True:
        unlocked = await load_lifecycle_record(connection, record_id, lock=False)
        if unlocked is None:
            return []
        locks = connection.transaction()
        await locks.start()
        pair = await lock_pair(connection, record_id, unlocked.linked_to or record_id)
        if not pair or pair[0].linked_to == unlocked.linked_to:
            await locks.commit()
            return pair[:1] if unlocked.linked_to is None else pair
        await locks.rollback()
