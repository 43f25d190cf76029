"""What consent keeps of records and of those who may act for their holders."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.consent.domain.states import About, CopyAge, RecordCopy
from shared.contracts.identity import PeopleChanged
from shared.contracts.topics import IDENTITY_ERASURES, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.messaging.freshness import decoy_watermarks
from shared.runtime.clock import bucket_of

COPIED = (IDENTITY_RECORDS.name, IDENTITY_PEOPLE.name, IDENTITY_ERASURES.name)
"""The topics whose watermarks say how old is what is known here of one record."""

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
    """Keeps what is newer than what is here. Each record at most once. Returns the records of newer copies."""
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
    """Keeps what is newer; the records of which it was. Each record at most once."""
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
    """Who was named at identity, by record."""
    buckets = [bucket_of(one) for one in record_ids]
    rows = await connection.fetch(SELECT_ATTENDING_DOCTORS, buckets, record_ids)
    return {row["record_id"]: row["doctor_id"] for row in rows}


SELECT_ABOUT = """
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


async def find_about(connection: Connection, record_id: UUID) -> About | None:
    """What a change of rights is decided on beside the state.

    Who is blocked in the linked record is read without a lock: who changes a record holds the lock of its state, and
    two who change two linked ones would wait for each other. What a professional adds here while the person blocks them
    there lets nobody read: records looks at the blocks of both, whichever was chosen first.
    """
    row = await connection.fetchrow(SELECT_ABOUT, bucket_of(record_id), record_id, *COPIED)
    if row is None:
        return None
    other: UUID | None = row["linked_to"]
    blocked = None if other is None else await connection.fetchval(SELECT_BLOCKED, bucket_of(other), other)
    age = CopyAge(row["record_at"], row["people_at"], row["erasures_at"], row["is_broken"])
    return About(row["status"], other, people_of(row["people"]), age, frozenset(blocked or ()))


SELECT_WATERMARKS = "select topic, at from copy_watermarks where topic in ($1, $2, $3) order by topic, partition"


async def find_decoy_age(connection: Connection, record_id: UUID) -> CopyAge:
    """The age that is asked of a record that is not here, so that its absence is not told by an old copy."""
    marks: dict[str, list[datetime]] = {}
    for row in await connection.fetch(SELECT_WATERMARKS, *COPIED):
        marks.setdefault(row["topic"], []).append(row["at"])
    record_at, people_at, erasures_at = decoy_watermarks(marks, COPIED, record_id.int)
    return CopyAge(record_at, people_at, erasures_at)


def people_of(kept: str | None) -> PeopleChanged | None:
    """Who may act for a holder, as the copy keeps it."""
    return None if kept is None else PeopleChanged.model_validate_json(kept)


HOLD_FIRST_STATES = """
select pg_advisory_xact_lock(1146097667, bucket) from unnest($1::integer[]) as bucket"""


async def hold_first_states(connection: Connection, record_ids: Sequence[UUID]) -> None:
    """Who gives these records their first state, or names their médecin traitant, does so one after the other."""
    await connection.execute(HOLD_FIRST_STATES, sorted({bucket_of(one) for one in record_ids}))
