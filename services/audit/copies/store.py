"""Stores the copies: the people who represent patients, records and their links."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter

from services.audit.copies.domain import RecordCopy
from shared.contracts.declarations import Topic
from shared.contracts.identity import PeopleChanged, PersonNamed, RecordChanged
from shared.contracts.topics import IDENTITY_ERASURES, IDENTITY_PEOPLE, IDENTITY_PROFESSIONALS, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.messaging.envelope import Message
from shared.public_names import SELECT_NAME_VERSIONS
from shared.runtime.clock import bucket_of

_REPRESENTATIVES = TypeAdapter(tuple[PersonNamed, ...])
UPSERT_PEOPLE = """
insert into people_copies (bucket, record_id, version, partition, representatives)
select bucket, record_id, version, partition, representatives
from unnest($1::integer[], $2::uuid[], $3::bigint[], $4::integer[], $5::jsonb[])
  as copy(bucket, record_id, version, partition, representatives)
order by bucket, record_id
on conflict on constraint people_copies_pkey do update
set version = excluded.version, partition = excluded.partition, representatives = excluded.representatives
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
        [_REPRESENTATIVES.dump_json(event.representatives, by_alias=True).decode() for event in events],
    )
    return {row["record_id"] for row in rows}


def representatives_of(stored: str | None) -> tuple[PersonNamed, ...]:
    """Parses the representatives from the stored JSON; returns none for None."""
    return () if stored is None else _REPRESENTATIVES.validate_json(stored)


DELETE_PEOPLE = "delete from people_copies where bucket = $1 and record_id = $2"


async def delete_people(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the copy of an erased record. Returns the number of rows."""
    status = await connection.execute(DELETE_PEOPLE, bucket_of(record_id), record_id)
    return {"people_copies": count_of(status)}


# A row that lacks the state of its version takes it from that version too: see migration 0007.
UPSERT_RECORDS = """
insert into record_copies (bucket, record_id, version, linked_to, partition, status, status_version)
select bucket, record_id, version, linked_to, partition, status, version
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::uuid[], $5::integer[], $6::text[])
  as copy(bucket, record_id, version, linked_to, partition, status)
order by bucket, record_id
on conflict on constraint record_copies_pkey do update
set version = excluded.version, linked_to = excluded.linked_to, partition = excluded.partition,
    status = excluded.status, status_version = excluded.status_version
where excluded.version > record_copies.version
   or (excluded.version = record_copies.version and record_copies.status_version is distinct from excluded.version)
returning record_id"""


async def upsert_records(connection: Connection, messages: Sequence[Message[RecordChanged]]) -> set[UUID]:
    """Stores the newer copies; each record at most once. Returns the ids of the records whose copy was newer."""
    events = [message.event for message in messages]
    rows = await connection.fetch(
        UPSERT_RECORDS,
        [bucket_of(event.record_id) for event in events],
        [event.record_id for event in events],
        [event.version for event in events],
        [event.linked_to for event in events],
        [message.partition for message in messages],
        [event.access_status for event in events],
    )
    return {row["record_id"] for row in rows}


SELECT_RECORD_COPY = """
select record.status, people.representatives,
       record_mark.at as record_at, people_mark.at as people_at, erasures_mark.at as erasures_at,
       exists (select from broken_copies where topic in ($3, $4, $5) and key = record.record_id::text) as is_broken
from record_copies record
left join people_copies people on people.bucket = record.bucket and people.record_id = record.record_id
left join copy_watermarks record_mark on record_mark.topic = $3 and record_mark.partition = record.partition
left join copy_watermarks people_mark
  on people_mark.topic = $5 and people_mark.partition = coalesce(people.partition, record.partition)
left join copy_watermarks erasures_mark on erasures_mark.topic = $4 and erasures_mark.partition = record.partition
where record.bucket = $1 and record.record_id = $2 and record.status_version = record.version"""


async def find_record_copy(connection: Connection, record_id: UUID) -> RecordCopy:
    """Returns the copy of a record's state and of its representatives; `RecordCopy()` for an unknown record."""
    topics = IDENTITY_RECORDS.name, IDENTITY_ERASURES.name, IDENTITY_PEOPLE.name
    row = await connection.fetchrow(SELECT_RECORD_COPY, bucket_of(record_id), record_id, *topics)
    if row is None:
        return RecordCopy()
    return RecordCopy(**{**row, "representatives": representatives_of(row["representatives"])})


# A professional names an entry and not a record: the earliest and the latest watermark bound those of all partitions.
SELECT_ERASURE_WATERMARKS = "select min(at) as earliest, max(at) as latest from copy_watermarks where topic = $1"


async def find_erasure_watermarks(connection: Connection) -> tuple[datetime | None, datetime | None]:
    """Returns the earliest and the latest watermark of the partitions with erasures; None if there are none."""
    row = await connection.fetchrow(SELECT_ERASURE_WATERMARKS, IDENTITY_ERASURES.name)
    assert row is not None, "an aggregate is one row"
    return row["earliest"], row["latest"]


# Each record must name the other, so that the end of a link counts as soon as one of its two events is here.
SELECT_LINK = "select linked_to from record_copies where bucket = $1 and record_id = $2"


async def find_linked_record(connection: Connection, record_id: UUID) -> UUID | None:
    """Returns the person's other record; None without one."""
    linked_id: UUID | None = await connection.fetchval(SELECT_LINK, bucket_of(record_id), record_id)
    if linked_id is None or await connection.fetchval(SELECT_LINK, bucket_of(linked_id), linked_id) != record_id:
        return None
    return linked_id


DELETE_RECORD = "delete from record_copies where bucket = $1 and record_id = $2"


async def delete_record(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the copy of an erased record. Returns the number of rows."""
    status = await connection.execute(DELETE_RECORD, bucket_of(record_id), record_id)
    return {"record_copies": count_of(status)}


SELECT_PEOPLE_VERSIONS = "select record_id::text as key, version from people_copies"
SELECT_RECORD_VERSIONS = "select record_id::text as key, version from record_copies"
COPIES: Final[dict[Topic, str]] = {
    IDENTITY_PROFESSIONALS: SELECT_NAME_VERSIONS,
    IDENTITY_PEOPLE: SELECT_PEOPLE_VERSIONS,
    IDENTITY_RECORDS: SELECT_RECORD_VERSIONS,
}
"""SQL for the versions of the copies of each topic."""
