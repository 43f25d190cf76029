"""Every SQL statement of consent. Rows of several records are always taken in the order of bucket and id."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg

from services.consent.domain import ChangeAction, Choices, KnownRecord, RecordCopy, State
from shared.clock import bucket_of
from shared.contracts.base import Actor
from shared.contracts.consent import EmergencyChoices
from shared.db.pool import Connection, Pool

UPSERT_RECORD_COPIES = """
insert into record_copies (bucket, record_id, version, status, partition)
select bucket, record_id, version, status, partition
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::text[], $5::integer[])
  as copy(bucket, record_id, version, status, partition)
order by bucket, record_id
on conflict on constraint record_copies_pkey do update
set version = excluded.version, status = excluded.status, partition = excluded.partition
where excluded.version > record_copies.version"""


async def upsert_record_copies(connection: Connection, copies: Sequence[RecordCopy]) -> None:
    """Keeps what is newer than what is here. Each record at most once."""
    await connection.execute(
        UPSERT_RECORD_COPIES,
        [bucket_of(copy.record_id) for copy in copies],
        [copy.record_id for copy in copies],
        [copy.version for copy in copies],
        [copy.status for copy in copies],
        [copy.partition for copy in copies],
    )


INSERT_STATES = """
insert into consent_states (bucket, record_id, version, changed_at)
select bucket, record_id, version, changed_at
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::timestamptz[])
  as state(bucket, record_id, version, changed_at)
order by bucket, record_id
on conflict on constraint consent_states_pkey do nothing
returning record_id"""


async def insert_states(connection: Connection, states: Sequence[State]) -> set[UUID]:
    """First states, with the defaults of the table. Returns the records that had none."""
    rows = await connection.fetch(
        INSERT_STATES,
        [bucket_of(state.record_id) for state in states],
        [state.record_id for state in states],
        [state.version for state in states],
        [state.changed_at for state in states],
    )
    return {row["record_id"] for row in rows}


INSERT_CHANGES = """
insert into state_changes
  (bucket, record_id, version, action, subject_id, actor_kind, actor_id, client_id, changed_at)
select bucket, record_id, version, $5, $6, $7, $8, $9, changed_at
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::timestamptz[])
  as change(bucket, record_id, version, changed_at)"""


async def insert_changes(
    connection: Connection, states: Sequence[State], action: str, subject_id: str | None, actor: Actor
) -> None:
    """Remembers who made these versions, and by what."""
    await connection.execute(
        INSERT_CHANGES,
        [bucket_of(state.record_id) for state in states],
        [state.record_id for state in states],
        [state.version for state in states],
        [state.changed_at for state in states],
        action,
        subject_id,
        actor.kind,
        actor.id,
        actor.client_id,
    )


SELECT_KNOWN_RECORDS = """
select copy.record_id, copy.status, copy.version as record_version, state.version as state_version
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, record_id)
join record_copies copy on copy.bucket = wanted.bucket and copy.record_id = wanted.record_id
left join consent_states state on state.bucket = wanted.bucket and state.record_id = wanted.record_id"""


async def find_known_records(connection: Connection, record_ids: Iterable[UUID]) -> dict[UUID, KnownRecord]:
    """Which versions are here; without the choices."""
    wanted = list(set(record_ids))
    rows = await connection.fetch(SELECT_KNOWN_RECORDS, [bucket_of(one) for one in wanted], wanted)
    return {row["record_id"]: KnownRecord(row["status"], row["record_version"], row["state_version"]) for row in rows}


SHARE_KNOWN_RECORDS = """
with wanted as materialized (
  select bucket, record_id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, record_id)
), state as materialized (
  select state.record_id, state.version, state.feeding_objections
  from consent_states state
  join wanted on state.bucket = wanted.bucket and state.record_id = wanted.record_id
  order by state.bucket, state.record_id
  for share of state
)
select copy.record_id, copy.status, copy.version as record_version, state.version as state_version,
       coalesce(state.feeding_objections, '{}') as feeding_objections
from wanted
join record_copies copy on copy.bucket = wanted.bucket and copy.record_id = wanted.record_id
left join state on state.record_id = wanted.record_id"""


async def share_known_records(connection: Connection, record_ids: Iterable[UUID]) -> dict[UUID, KnownRecord]:
    """The same with the choices, locked against change: no decision under an older version follows a change."""
    wanted = list(set(record_ids))
    rows = await connection.fetch(SHARE_KNOWN_RECORDS, [bucket_of(one) for one in wanted], wanted)
    return {
        row["record_id"]: KnownRecord(
            row["status"], row["record_version"], row["state_version"], frozenset(row["feeding_objections"])
        )
        for row in rows
    }


SELECT_STATE = """
select state.record_id, state.version, state.version_in_force, state.authorised, state.blocked,
       state.feeding_objections, state.break_glass, state.regulation_centre, state.masked_documents, state.changed_at,
       (select copy.version from record_copies copy
        where copy.bucket = state.bucket and copy.record_id = state.record_id) as record_version
from consent_states state where state.bucket = $1 and state.record_id = $2"""


async def find_state(connection: Connection | Pool, record_id: UUID) -> State | None:
    """The present state of a record."""
    return _state(await connection.fetchrow(SELECT_STATE, bucket_of(record_id), record_id))


LOCK_STATE = f"{SELECT_STATE} for update of state"


async def lock_state(connection: Connection, record_id: UUID) -> State | None:
    """The same, locked until the transaction ends."""
    return _state(await connection.fetchrow(LOCK_STATE, bucket_of(record_id), record_id))


UPDATE_STATE = """
update consent_states
set version = $3, authorised = $4, blocked = $5, feeding_objections = $6, break_glass = $7, regulation_centre = $8,
    masked_documents = $9, changed_at = $10
where bucket = $1 and record_id = $2"""


async def update_state(connection: Connection, state: State, action: ChangeAction, subject: str, actor: Actor) -> None:
    """Writes a new version and who made it."""
    choices = state.choices
    await connection.execute(
        UPDATE_STATE,
        bucket_of(state.record_id),
        state.record_id,
        state.version,
        choices.authorised,
        choices.blocked,
        choices.feeding_objections,
        choices.emergency.break_glass,
        choices.emergency.regulation_centre,
        choices.emergency.masked_documents,
        state.changed_at,
    )
    await insert_changes(connection, [state], action, subject, actor)


UPDATE_VERSIONS_IN_FORCE = """
with newer as materialized (
  select state.bucket, state.record_id, applied.version
  from unnest($1::integer[], $2::uuid[], $3::integer[]) as applied(bucket, record_id, version)
  join consent_states state on state.bucket = applied.bucket and state.record_id = applied.record_id
  where state.version_in_force < applied.version
  order by state.bucket, state.record_id
  for update of state
)
update consent_states state set version_in_force = newer.version
from newer
where state.bucket = newer.bucket and state.record_id = newer.record_id"""


async def raise_versions_in_force(connection: Connection, versions: dict[UUID, int]) -> None:
    """Up to and including these versions the states are in force where reads are decided."""
    buckets = [bucket_of(record_id) for record_id in versions]
    await connection.execute(UPDATE_VERSIONS_IN_FORCE, buckets, list(versions), list(versions.values()))


LOCK_STATES = """
select state.record_id
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, record_id)
join consent_states state on state.bucket = wanted.bucket and state.record_id = wanted.record_id
order by state.bucket, state.record_id for update of state"""


async def lock_states(connection: Connection, record_ids: Sequence[UUID]) -> None:
    """Waits for changes under way."""
    await connection.execute(LOCK_STATES, [bucket_of(one) for one in record_ids], record_ids)


DESTROY_STATE = """
with gone_states as (
  delete from consent_states where bucket = $1 and record_id = $2 returning record_id
), gone_copies as (
  delete from record_copies where bucket = $1 and record_id = $2 returning record_id
)
select (select count(*) from gone_states) as consent_states, (select count(*) from gone_copies) as record_copies"""


async def destroy_state(connection: Connection, record_id: UUID) -> dict[str, int]:
    """The choices of an erased record and the copy of its state. How many of what."""
    row = await connection.fetchrow(DESTROY_STATE, bucket_of(record_id), record_id)
    return dict(row) if row is not None else {}


REMOVE_CHANGES = "select remove_history($1, $2, $3)"
CHANGES_AT_ONCE = 500


async def remove_changes(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Some of an erased record's history. How many; none when nothing is left. Of any other record nothing goes."""
    count = await connection.fetchval(REMOVE_CHANGES, bucket_of(record_id), record_id, CHANGES_AT_ONCE)
    return {"state_changes": count}


def _state(row: asyncpg.Record | None) -> State | None:
    if row is None:
        return None
    emergency = EmergencyChoices(
        break_glass=row["break_glass"],
        regulation_centre=row["regulation_centre"],
        masked_documents=row["masked_documents"],
    )
    choices = Choices(tuple(row["authorised"]), tuple(row["blocked"]), tuple(row["feeding_objections"]), emergency)
    return State(
        record_id=row["record_id"],
        version=row["version"],
        choices=choices,
        changed_at=row["changed_at"],
        record_version=row["record_version"],
        version_in_force=row["version_in_force"],
    )
