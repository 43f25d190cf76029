"""Persons, their records and contacts."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from services.identity.kit.sealed_rows import Sealed
from services.identity.people.domain.new_person import RecordState
from shared.contracts.topics import IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.messaging.loss_checks import IS_UNCHECKED
from shared.messaging.outbox.append import lock_number
from shared.runtime.clock import bucket_of

LOCK_INS = "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key"


async def lock_ins(connection: Connection, fingerprints: Iterable[str]) -> None:
    """Locks a number until the transaction ends, so that its openings run one at a time."""
    await connection.execute(LOCK_INS, sorted({lock_number(fingerprint) for fingerprint in fingerprints}))


FIND_RECORD = "select record_id from ins_fingerprints where fingerprint = any($1::text[]) limit 1"


async def find_record(connection: Connection, fingerprints: Sequence[str]) -> UUID | None:
    """Returns the record of the number with one of these fingerprints, or None."""
    record_id: UUID | None = await connection.fetchval(FIND_RECORD, fingerprints)
    return record_id


SELECT_PERSON = """
select person.id, person.key_id, person.sealed
from records record join persons person on person.bucket = record.bucket and person.id = record.person_id
where record.bucket = $1 and record.id = $2"""


async def load_person(connection: Connection, record_id: UUID) -> tuple[UUID, Sealed]:
    """Returns the id and the sealed data of the holder of an existing record."""
    row = await connection.fetchrow(SELECT_PERSON, bucket_of(record_id), record_id)
    assert row is not None, "a record without its person"
    return row["id"], Sealed(row["key_id"], row["sealed"])


# While commits of a record may have been lost, records may have applied higher versions with other content.
SELECT_RECORD = f"""
select id, version,
       case when {IS_UNCHECKED} or exists (
                   select from broken_copies where topic = '{IDENTITY_RECORDS.name}' and key = records.id::text)
            then 0 else in_force_version end as in_force_version,
       status, linked_to
from records where bucket = $1 and id = $2"""  # noqa: S608  # constants


async def load_record(connection: Connection, record_id: UUID) -> RecordState | None:
    """Returns the state of a record, or None."""
    row = await connection.fetchrow(SELECT_RECORD, bucket_of(record_id), record_id)
    return None if row is None else RecordState(*row)


LOCK_APPLIED = """
select record.id from records record
join unnest($1::integer[], $2::uuid[]) as applied(bucket, id)
  on record.bucket = applied.bucket and record.id = applied.id
order by record.bucket, record.id for update of record"""
SET_IN_FORCE = """
update records set in_force_version = applied.version
from unnest($1::integer[], $2::uuid[], $3::integer[]) as applied(bucket, id, version)
where records.bucket = applied.bucket and records.id = applied.id and records.in_force_version < applied.version"""


async def set_in_force(connection: Connection, versions: Mapping[UUID, int]) -> None:
    """Stores the versions that are in force; never lowers one."""
    ids = list(versions)
    buckets = [bucket_of(id) for id in ids]
    await connection.execute(LOCK_APPLIED, buckets, ids)
    await connection.execute(SET_IN_FORCE, buckets, ids, [versions[id] for id in ids])


IS_DECEASED = "select exists (select from closures where bucket = $1 and record_id = $2 and cause = 'death')"
HOLD_RECORD = "select from records where bucket = $1 and id = $2 for share"


async def is_deceased(connection: Connection, record_id: UUID) -> bool:
    """Returns whether the death of the record's holder is recorded."""
    return bool(await connection.fetchval(IS_DECEASED, bucket_of(record_id), record_id))


async def hold_record(connection: Connection, record_id: UUID) -> None:
    """Prevents until the transaction ends that the death of the record's holder is recorded."""
    await connection.execute(HOLD_RECORD, bucket_of(record_id), record_id)


SELECT_LINKED = "select linked_to from records where bucket = $1 and id = $2"


async def load_records_of_person(connection: Connection, record_id: UUID) -> list[UUID]:
    """Returns the ids of this record and of the linked one; both belong to one person. This record comes first."""
    other: UUID | None = await connection.fetchval(SELECT_LINKED, bucket_of(record_id), record_id)
    return [record_id] if other is None else [record_id, other]
