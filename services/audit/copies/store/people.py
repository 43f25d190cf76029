"""Copies of who represents the patients."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import TypeAdapter

from shared.contracts.identity import PeopleChanged, PersonNamed
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.messaging.envelope import Message
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
