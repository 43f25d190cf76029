"""Erases a record's rows: its choices and copies at once, their history in steps."""

from collections.abc import Sequence
from uuid import UUID

from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

LOCK_STATES = """
select locked.record_id
from (
  select bucket, record_id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, record_id)
  order by bucket, record_id
) as sorted
cross join lateral (
  select state.record_id from consent_states state
  where state.bucket = sorted.bucket and state.record_id = sorted.record_id for update
) as locked"""


async def lock_states(connection: Connection, record_ids: Sequence[UUID]) -> None:
    """Locks the states, which waits for running changes."""
    await connection.execute(LOCK_STATES, [bucket_of(record_id) for record_id in record_ids], record_ids)


DESTROY_STATE = """
with gone_states as (
  delete from consent_states where bucket = $1 and record_id = $2 returning record_id
), gone_copies as (
  delete from record_copies where bucket = $1 and record_id = $2 returning record_id
), gone_people as (
  delete from people_copies where bucket = $1 and record_id = $2 returning record_id
), gone_collected as (
  delete from collected_consents where bucket = $1 and record_id = $2 returning record_id
), gone_searches as (
  delete from directory_searches where bucket = $1 and record_id = $2 returning record_id
)
select (select count(*) from gone_states) as consent_states, (select count(*) from gone_copies) as record_copies,
       (select count(*) from gone_people) as people_copies,
       (select count(*) from gone_collected) as collected_consents,
       (select count(*) from gone_searches) as directory_searches"""


async def destroy_state(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the choices of an erased record and its copies. Returns the number of deleted rows by table."""
    row = await connection.fetchrow(DESTROY_STATE, bucket_of(record_id), record_id)
    return dict(row) if row is not None else {}


REMOVE_CHANGES = "select remove_history($1, $2, $3)"


CHANGES_PER_DELETE = 500


async def remove_changes(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes some of an erased record's history.

    Returns the number of deleted rows; 0 if nothing is left, or if the record is not erased.
    """
    count = await connection.fetchval(REMOVE_CHANGES, bucket_of(record_id), record_id, CHANGES_PER_DELETE)
    return {"state_changes": count}
