"""The people named for a record, as last announced."""

from collections.abc import Sequence
from uuid import UUID

from services.identity.relations.domain.people import RecordPeople
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

LOCK_PEOPLE = """
select people from people_states where bucket = $1 and record_id = $2 for update"""


async def lock_people(connection: Connection, record_id: UUID) -> RecordPeople:
    """Returns the people for a change: an existing row is locked until the transaction ends."""
    state: str | None = await connection.fetchval(LOCK_PEOPLE, bucket_of(record_id), record_id)
    return RecordPeople() if state is None else RecordPeople.from_json(state)


UPSERT_PEOPLE = """
insert into people_states (bucket, record_id, version, people) values ($1, $2, 1, $3)
on conflict on constraint people_states_pkey do update
set people = excluded.people, version = people_states.version + 1
returning version"""


async def save_people(connection: Connection, record_id: UUID, people: RecordPeople) -> int:
    """Stores the whole state. Returns its version, to be announced (`people.as_event(record_id, version)`)."""
    version: int = await connection.fetchval(UPSERT_PEOPLE, bucket_of(record_id), record_id, people.as_json().decode())
    return version


SELECT_VERSION = "select version from people_states where bucket = $1 and record_id = $2"


async def load_version(connection: Connection, record_id: UUID) -> int:
    """Returns the version last announced; 0 if there was none."""
    version: int | None = await connection.fetchval(SELECT_VERSION, bucket_of(record_id), record_id)
    return version or 0


DELETE_PEOPLE = """
delete from people_states
where (bucket, record_id) in (select * from unnest($1::integer[], $2::uuid[]))"""


async def delete_people(connection: Connection, record_ids: Sequence[UUID]) -> None:
    """Deletes the rows of erased records."""
    await connection.execute(DELETE_PEOPLE, [bucket_of(record_id) for record_id in record_ids], list(record_ids))
