"""What audit keeps of who represents the holder of a record."""

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
    """Keeps what is newer than what is here. Each record at most once. Returns the records of newer copies."""
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


def representatives_of(kept: str | None) -> tuple[PersonNamed, ...]:
    """Who represents, as a row keeps it; nobody where there is no row."""
    return () if kept is None else _REPRESENTATIVES.validate_json(kept)


DELETE_PEOPLE = "delete from people_copies where bucket = $1 and record_id = $2"


async def delete_people(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Of a record that is erased. How many rows."""
    status = await connection.execute(DELETE_PEOPLE, bucket_of(record_id), record_id)
    return {"people_copies": count_of(status)}
