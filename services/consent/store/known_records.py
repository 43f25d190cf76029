"""What deposits are decided on: the copies of a record and the choices about it."""

from collections.abc import Iterable
from uuid import UUID

from services.consent.domain.states import KnownRecord
from services.consent.store.copies import people_of
from services.consent.store.states import AWAITS_RECOVERY
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_KNOWN_RECORDS = f"""
select copy.record_id, copy.status, copy.version as record_version, state.version as state_version,
       known.people, {AWAITS_RECOVERY} (copy.record_id::text, copy.linked_to::text)) as awaits_recovery
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, record_id)
join record_copies copy on copy.bucket = wanted.bucket and copy.record_id = wanted.record_id
left join people_copies known on known.bucket = wanted.bucket and known.record_id = wanted.record_id
left join consent_states state
  on state.bucket = wanted.bucket and state.record_id = wanted.record_id"""  # noqa: S608  # a constant


async def find_known_records(connection: Connection, record_ids: Iterable[UUID]) -> dict[UUID, KnownRecord]:
    """Which versions are here; without the choices."""
    wanted = list(set(record_ids))
    rows = await connection.fetch(SELECT_KNOWN_RECORDS, [bucket_of(one) for one in wanted], wanted)
    return {
        row["record_id"]: KnownRecord(
            row["status"],
            row["record_version"],
            row["state_version"],
            people=people_of(row["people"]),
            awaits_recovery=row["awaits_recovery"],
        )
        for row in rows
    }


SHARE_KNOWN_RECORDS = """
with wanted as materialized (
  select bucket, record_id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, record_id)
), state as materialized (
  select locked.record_id, locked.version, locked.feeding_objections, locked.blocked, locked.mask_new_documents
  from (select bucket, record_id from wanted order by bucket, record_id) as sorted
  cross join lateral (
    select state.record_id, state.version, state.feeding_objections, state.blocked, state.mask_new_documents
    from consent_states state where state.bucket = sorted.bucket and state.record_id = sorted.record_id for share
  ) as locked
)
select copy.record_id, copy.status, copy.version as record_version, state.version as state_version,
       coalesce(state.feeding_objections, '{}') as feeding_objections, coalesce(state.blocked, '{}') as blocked,
       coalesce(state.mask_new_documents, false) as mask_new_documents, copy.linked_to, known.people
from wanted
join record_copies copy on copy.bucket = wanted.bucket and copy.record_id = wanted.record_id
left join people_copies known on known.bucket = wanted.bucket and known.record_id = wanted.record_id
left join state on state.record_id = wanted.record_id"""


async def share_known_records(connection: Connection, record_ids: Iterable[UUID]) -> dict[UUID, KnownRecord]:
    """The same with the choices, locked against change: no decision under an older version follows a change.

    Of linked records both are locked: who is blocked in one deposits in neither. Few are linked, so which are is read
    with the records themselves; an other half comes by a second statement, out of order: a deadlock is transient.
    """
    asked = set(record_ids)
    known = await _share(connection, asked)
    if others := {one.linked_to for one in known.values() if one.linked_to is not None} - asked:
        known |= await _share(connection, others)
    return {
        id: record if record.linked_to is None else record.beside(known.get(record.linked_to))
        for id, record in known.items()
        if id in asked
    }


async def _share(connection: Connection, record_ids: Iterable[UUID]) -> dict[UUID, KnownRecord]:
    wanted = list(record_ids)
    rows = await connection.fetch(SHARE_KNOWN_RECORDS, [bucket_of(one) for one in wanted], wanted)
    return {
        row["record_id"]: KnownRecord(
            row["status"],
            row["record_version"],
            row["state_version"],
            frozenset(row["feeding_objections"]),
            frozenset(row["blocked"]),
            row["mask_new_documents"],
            row["linked_to"],
            people_of(row["people"]),
        )
        for row in rows
    }
