"""Stores the states of choices and their history. Rows are always locked in the order of bucket and record id."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.consent.choices.domain.choices import UNLIMITED_ACTIONS, Change, Choices
from services.consent.choices.domain.states import ConsentState, HistoryEntry
from shared.access.facts import PATIENT_SIDE
from shared.contracts.base import Actor
from shared.contracts.topics import CONSENT_STATES
from shared.db.notifications import notify_after_commit
from shared.db.pool import Connection, Pool
from shared.messaging.loss_checks import IS_UNCHECKED
from shared.runtime.clock import bucket_of

INSERT_STATES = """
insert into consent_states (bucket, record_id, version, changed_at, choices)
select bucket, record_id, version, changed_at, choices
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::timestamptz[], $5::jsonb[])
  as state(bucket, record_id, version, changed_at, choices)
order by bucket, record_id
on conflict on constraint consent_states_pkey do nothing
returning record_id"""


async def insert_states(connection: Connection, states: Sequence[ConsentState]) -> set[UUID]:
    """Inserts first states. Returns the ids of the records that had none."""
    rows = await connection.fetch(
        INSERT_STATES,
        [bucket_of(state.record_id) for state in states],
        [state.record_id for state in states],
        [state.version for state in states],
        [state.changed_at for state in states],
        [state.choices.model_dump_json() for state in states],
    )
    return {row["record_id"] for row in rows}


INSERT_CHANGES = """
insert into state_changes
  (bucket, record_id, version, action, subject_id, actor_kind, actor_id, client_id, changed_at, change, choices)
select bucket, record_id, version, $6, $7, $8, $9, $10, changed_at, $11::jsonb, choices
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::timestamptz[], $5::jsonb[])
  as change(bucket, record_id, version, changed_at, choices)"""


async def insert_changes(
    connection: Connection, states: Sequence[ConsentState], action: str, change: Change | None, actor: Actor
) -> None:
    """Adds these versions to the history: their author, their change, and all choices from then on."""
    await connection.execute(
        INSERT_CHANGES,
        [bucket_of(state.record_id) for state in states],
        [state.record_id for state in states],
        [state.version for state in states],
        [state.changed_at for state in states],
        [state.choices.model_dump_json() for state in states],
        action,
        change.subject_id if change else None,
        actor.kind,
        actor.id,
        actor.client_id,
        change.model_dump_json(exclude_defaults=True) if change else None,
    )


AWAITS_RECOVERY = f"""{IS_UNCHECKED} or exists (
  select from broken_copies where topic = '{CONSENT_STATES.name}' and key in """
"""The beginning of a condition: whether commits about the choices of one of these record ids may have been lost."""
SELECT_STATE = f"""
select state.record_id, state.version, state.choices, state.changed_at,
       case when {AWAITS_RECOVERY} (state.record_id::text)) then 0 else state.version_in_force end as version_in_force,
       coalesce((select copy.version from record_copies copy
                 where copy.bucket = state.bucket and copy.record_id = state.record_id), 0) as record_version
from consent_states state where state.bucket = $1 and state.record_id = $2"""  # noqa: S608  # a constant


async def find_state(connection: Connection | Pool, record_id: UUID) -> ConsentState | None:
    """Returns the current state of a record, or None.

    While commits about it may have been lost, its version in force is 0: records may have applied higher versions with
    other choices.
    """
    return _state_of_row(await connection.fetchrow(SELECT_STATE, bucket_of(record_id), record_id))


LOCK_STATE = f"{SELECT_STATE} for update of state"


async def lock_state(connection: Connection, record_id: UUID) -> ConsentState | None:
    """Returns the current state of a record, locked until the transaction ends."""
    return _state_of_row(await connection.fetchrow(LOCK_STATE, bucket_of(record_id), record_id))


def column_values(state: ConsentState) -> tuple[object, ...]:
    """Returns the parameters of a statement that writes a whole state, in their order."""
    choices = state.choices
    return (
        bucket_of(state.record_id),
        state.record_id,
        state.version,
        choices.model_dump_json(),
        choices.blocked,
        choices.feeding_objections,
        choices.mask_new_documents,
        state.changed_at,
    )


UPDATE_STATE = """
update consent_states
set version = $3, choices = $4::jsonb, blocked = $5, feeding_objections = $6, mask_new_documents = $7, changed_at = $8
where bucket = $1 and record_id = $2"""


async def update_state(connection: Connection, state: ConsentState, change: Change, actor: Actor) -> None:
    """Writes a new version, and its change to the history."""
    await connection.execute(UPDATE_STATE, *column_values(state))
    await insert_changes(connection, [state], change.action, change, actor)


async def update_state_by_service(connection: Connection, state: ConsentState, action: str, actor: Actor) -> None:
    """Writes a new version that the service itself made, and its action to the history."""
    await connection.execute(UPDATE_STATE, *column_values(state))
    await insert_changes(connection, [state], action, None, actor)


COUNT_CHANGES = """
with older as materialized (
  select version from state_changes where bucket = $1 and record_id = $2 and changed_at <= $3
  order by version desc limit 1
)
select count(*) from state_changes
where bucket = $1 and record_id = $2 and version > coalesce((select version from older), 0)
  and action <> all($4::text[])
  and case when $6::text is null then actor_kind = any($5::text[])
           else actor_kind <> all($5::text[]) and subject_id = $6 end"""


async def count_changes(connection: Connection, record_id: UUID, since: datetime, subject_id: str | None) -> int:
    """Counts the changes of a record since a time, without `UNLIMITED_ACTIONS`.

    Counts those by the patient side, or with `subject_id` those by others about this professional or structure.
    """
    filters = (since, sorted(UNLIMITED_ACTIONS), sorted(PATIENT_SIDE), subject_id)
    return int(await connection.fetchval(COUNT_CHANGES, bucket_of(record_id), record_id, *filters))


SELECT_HISTORY = """
select version, action, subject_id, actor_kind, actor_id, changed_at, change
from state_changes where bucket = $1 and record_id = $2 and version < $3 order by version desc limit $4"""


async def list_history(connection: Connection, record_id: UUID, before: int, limit: int) -> list[HistoryEntry]:
    """Returns the entries of the versions before this one, newest first."""
    rows = await connection.fetch(SELECT_HISTORY, bucket_of(record_id), record_id, before, limit)
    return [HistoryEntry(**{**row, "change": _parse_json(row["change"])}) for row in rows]


SELECT_VERSION_ABOUT = """
select version from state_changes where bucket = $1 and record_id = $2 and subject_id = $3
order by version desc limit 1"""


async def find_latest_version_about(connection: Connection, record_id: UUID, subject_id: str | None) -> int:
    """Returns the latest version with this subject; 1, the first version, if there is none."""
    version = await connection.fetchval(SELECT_VERSION_ABOUT, bucket_of(record_id), record_id, subject_id)
    return 1 if version is None else int(version)


SELECT_VERSION = "select choices from state_changes where bucket = $1 and record_id = $2 and version = $3"


async def find_version(connection: Connection, record_id: UUID, version: int) -> Choices | None:
    """Returns all choices of that version.

    Returns None if there is no such version, or if it was made before choices were kept.
    """
    stored = await connection.fetchval(SELECT_VERSION, bucket_of(record_id), record_id, version)
    return None if stored is None else Choices.model_validate_json(stored)


UPDATE_VERSIONS_IN_FORCE = """
with newer as materialized (
  select locked.bucket, locked.record_id, sorted.version
  from (
    select bucket, record_id, version
    from unnest($1::integer[], $2::uuid[], $3::integer[]) as applied(bucket, record_id, version)
    order by bucket, record_id
  ) as sorted
  cross join lateral (
    select state.bucket, state.record_id from consent_states state
    where state.bucket = sorted.bucket and state.record_id = sorted.record_id
      and state.version_in_force < sorted.version for update
  ) as locked
)
update consent_states state set version_in_force = newer.version
from newer
where state.bucket = newer.bucket and state.record_id = newer.record_id
returning state.record_id, state.changed_at, state.version = newer.version as is_latest"""
IN_FORCE_CHANNEL = "in_force"


async def raise_versions_in_force(connection: Connection, versions: dict[UUID, int]) -> list[datetime]:
    """Notes that the states are in force, up to and including these versions, where reads are decided.

    Notifies the requests that wait for it. Returns the times of the latest changes that came into force by this.
    """
    buckets = [bucket_of(record_id) for record_id in versions]
    rows = await connection.fetch(UPDATE_VERSIONS_IN_FORCE, buckets, list(versions), list(versions.values()))
    notify_after_commit(connection, IN_FORCE_CHANNEL, [str(row["record_id"]) for row in rows])
    return [row["changed_at"] for row in rows if row["is_latest"]]


COUNT_STATES = "select count(*) from consent_states"


async def count_states(connection: Connection | Pool) -> int:
    """Counts the records that have choices."""
    return int(await connection.fetchval(COUNT_STATES))


def _state_of_row(row: asyncpg.Record | None) -> ConsentState | None:
    if row is None:
        return None
    return ConsentState(
        record_id=row["record_id"],
        version=row["version"],
        choices=Choices.model_validate_json(row["choices"]),
        changed_at=row["changed_at"],
        record_version=row["record_version"],
        version_in_force=row["version_in_force"],
    )


def _parse_json(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
