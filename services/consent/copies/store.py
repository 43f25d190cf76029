"""Copies of identity's records, of who may act for their patients, and of the public directory."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from services.consent.copies.domain import CopyAge, DirectoryEntry, RecordContext, RecordCopy
from shared.contracts.identity import PeopleChanged, ProfessionalChanged, StructureChanged
from shared.contracts.topics import IDENTITY_ERASURES, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.messaging.freshness import decoy_watermarks
from shared.runtime.clock import bucket_of
from shared.terminology.professions import DOCTOR

COPIED_TOPICS = (IDENTITY_RECORDS.name, IDENTITY_PEOPLE.name, IDENTITY_ERASURES.name)
"""The topics whose watermarks tell how old the copies about a record are."""

UPSERT_RECORD_COPIES = """
insert into record_copies (bucket, record_id, version, status, partition, linked_to)
select bucket, record_id, version, status, partition, linked_to
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::text[], $5::integer[], $6::uuid[])
  as copy(bucket, record_id, version, status, partition, linked_to)
order by bucket, record_id
on conflict on constraint record_copies_pkey do update
set version = excluded.version, status = excluded.status, partition = excluded.partition, linked_to = excluded.linked_to
where excluded.version > record_copies.version
returning record_id"""


async def upsert_record_copies(connection: Connection, copies: Sequence[RecordCopy]) -> set[UUID]:
    """Stores the newer copies; each record at most once. Returns the ids of the records whose copy was newer."""
    rows = await connection.fetch(
        UPSERT_RECORD_COPIES,
        [bucket_of(copy.record_id) for copy in copies],
        [copy.record_id for copy in copies],
        [copy.version for copy in copies],
        [copy.status for copy in copies],
        [copy.partition for copy in copies],
        [copy.linked_to for copy in copies],
    )
    return {row["record_id"] for row in rows}


UPSERT_PEOPLE = """
insert into people_copies (bucket, record_id, version, partition, people)
select bucket, record_id, version, partition, people
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::integer[], $5::jsonb[])
  as copy(bucket, record_id, version, partition, people)
order by bucket, record_id
on conflict on constraint people_copies_pkey do update
set version = excluded.version, partition = excluded.partition, people = excluded.people
where excluded.version > people_copies.version
returning record_id"""


async def upsert_people(connection: Connection, messages: Sequence[Message[PeopleChanged]]) -> set[UUID]:
    """Stores the newer copies; each record at most once. Returns the ids of the records whose copy was newer."""
    events = [message.event for message in messages]
    rows = await connection.fetch(
        UPSERT_PEOPLE,
        [bucket_of(event.record_id) for event in events],
        [event.record_id for event in events],
        [event.version for event in events],
        [message.partition for message in messages],
        [event.model_dump_json() for event in events],
    )
    return {row["record_id"] for row in rows}


SELECT_ATTENDING_DOCTORS = """
select known.record_id, known.people ->> 'attending_doctor_id' as doctor_id
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, record_id)
join people_copies known on known.bucket = wanted.bucket and known.record_id = wanted.record_id
where known.people ->> 'attending_doctor_id' is not null"""


async def find_attending_doctors(connection: Connection, record_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Returns the médecins traitants that identity announced, by record id."""
    buckets = [bucket_of(record_id) for record_id in record_ids]
    rows = await connection.fetch(SELECT_ATTENDING_DOCTORS, buckets, record_ids)
    return {row["record_id"]: row["doctor_id"] for row in rows}


SELECT_RECORD_CONTEXT = """
select record.status, record.linked_to, known.people,
       record_mark.at as record_at, people_mark.at as people_at, erasures_mark.at as erasures_at,
       exists (select from broken_copies broken
               where broken.topic in ($3, $4, $5) and broken.key = record.record_id::text) as is_broken
from record_copies record
left join people_copies known on known.bucket = record.bucket and known.record_id = record.record_id
left join copy_watermarks record_mark on record_mark.topic = $3 and record_mark.partition = record.partition
left join copy_watermarks people_mark on people_mark.topic = $4 and people_mark.partition = known.partition
left join copy_watermarks erasures_mark on erasures_mark.topic = $5 and erasures_mark.partition = record.partition
where record.bucket = $1 and record.record_id = $2"""


SELECT_BLOCKED = "select blocked from consent_states where bucket = $1 and record_id = $2"


async def find_record_context(connection: Connection, record_id: UUID) -> RecordContext | None:
    """Returns what a change is decided on besides the state; None for an unknown record.

    The blocks of the linked record are read without a lock: a change holds the lock of its record's state, and two
    changes of linked records would wait for each other. An authorisation that is given here while the patient blocks
    its holder there still permits no read: records checks the blocks of both records.
    """
    row = await connection.fetchrow(SELECT_RECORD_CONTEXT, bucket_of(record_id), record_id, *COPIED_TOPICS)
    if row is None:
        return None
    linked_id: UUID | None = row["linked_to"]
    blocked = None if linked_id is None else await connection.fetchval(SELECT_BLOCKED, bucket_of(linked_id), linked_id)
    age = CopyAge(row["record_at"], row["people_at"], row["erasures_at"], row["is_broken"])
    return RecordContext(row["status"], linked_id, people_of(row["people"]), age, frozenset(blocked or ()))


SELECT_WATERMARKS = "select topic, at from copy_watermarks where topic in ($1, $2, $3) order by topic, partition"


async def find_decoy_age(connection: Connection, record_id: UUID) -> CopyAge:
    """Returns an age for a record that is not here, so that the age of copies does not reveal whether a record
    exists."""
    watermarks: dict[str, list[datetime]] = {}
    for row in await connection.fetch(SELECT_WATERMARKS, *COPIED_TOPICS):
        watermarks.setdefault(row["topic"], []).append(row["at"])
    record_at, people_at, erasures_at = decoy_watermarks(watermarks, COPIED_TOPICS, record_id.int)
    return CopyAge(record_at, people_at, erasures_at)


def people_of(stored: str | None) -> PeopleChanged | None:
    """Parses who may act for a patient from the stored JSON."""
    return None if stored is None else PeopleChanged.model_validate_json(stored)


LOCK_FIRST_STATES = """
select pg_advisory_xact_lock(1146097667, bucket) from unnest($1::integer[]) as bucket"""


async def lock_first_states(connection: Connection, record_ids: Sequence[UUID]) -> None:
    """Locks the buckets of these records, so that transactions give first states or name médecins traitants one after
    the other."""
    await connection.execute(LOCK_FIRST_STATES, sorted({bucket_of(record_id) for record_id in record_ids}))


UPSERT_ENTRIES = """
insert into directory_entries (id, version, profession, active)
select id, version, profession, active
from unnest($1::text[], $2::bigint[], $3::text[], $4::boolean[]) as given(id, version, profession, active)
order by id
on conflict on constraint directory_entries_pkey do update
set version = excluded.version, profession = excluded.profession, active = excluded.active
where excluded.version > directory_entries.version
returning id"""


async def upsert_entries(connection: Connection, events: Sequence[ProfessionalChanged | StructureChanged]) -> set[str]:
    """Stores the newer entries; each identifier at most once. Returns the identifiers whose entry was newer."""
    rows = await connection.fetch(
        UPSERT_ENTRIES,
        [event.key for event in events],
        [event.version for event in events],
        [event.profession if isinstance(event, ProfessionalChanged) else None for event in events],
        [event.status == "active" for event in events],
    )
    return {row["id"] for row in rows}


SELECT_NON_DOCTORS = """
select id from directory_entries where id = any($1::text[]) and not (active and profession is not distinct from $2)"""


async def non_doctors_among(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Returns the identifiers that the directory lists as anything but an active doctor."""
    return {row["id"] for row in await connection.fetch(SELECT_NON_DOCTORS, list(ids), DOCTOR)}


SELECT_ENTRIES = "select id, profession, active from directory_entries where id = any($1::text[])"


async def find_entries(connection: Connection, ids: Iterable[str]) -> dict[str, DirectoryEntry]:
    """Returns the directory's entries by identifier; unknown identifiers are left out."""
    rows = await connection.fetch(SELECT_ENTRIES, list(ids))
    return {row["id"]: DirectoryEntry(row["id"], row["profession"], row["active"]) for row in rows}
