"""What deposits are decided on: the copies of a record, and the choices about it."""

from collections.abc import Iterable
from uuid import UUID

from services.consent.choices.store.states import AWAITS_RECOVERY
from services.consent.copies.store import people_of
from services.consent.deposit_checks.domain import DepositContext
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_DEPOSIT_CONTEXTS = f"""
select copy.record_id, copy.status, copy.version as record_version, state.version as state_version,
       known.people, {AWAITS_RECOVERY} (copy.record_id::text, copy.linked_to::text)) as awaits_recovery
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, record_id)
join record_copies copy on copy.bucket = wanted.bucket and copy.record_id = wanted.record_id
left join people_copies known on known.bucket = wanted.bucket and known.record_id = wanted.record_id
left join consent_states state
  on state.bucket = wanted.bucket and state.record_id = wanted.record_id"""  # noqa: S608  # a constant


async def find_deposit_contexts(connection: Connection, record_ids: Iterable[UUID]) -> dict[UUID, DepositContext]:
    """Returns the versions of the copies by record id, without the choices; unknown records are left out."""
    ids = list(set(record_ids))
    rows = await connection.fetch(SELECT_DEPOSIT_CONTEXTS, [bucket_of(id) for id in ids], ids)
    return {
        row["record_id"]: DepositContext(
            row["status"],
            row["record_version"],
            row["state_version"],
            people=people_of(row["people"]),
            awaits_recovery=row["awaits_recovery"],
        )
        for row in rows
    }


LOCK_DEPOSIT_CONTEXTS = """
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


async def lock_deposit_contexts(connection: Connection, record_ids: Iterable[UUID]) -> dict[UUID, DepositContext]:
    """Returns the copies with the choices, by record id. The states are locked against changes, so that no decision
    under an older version follows a change.

    The states of linked records are locked too: a professional who is blocked in one deposits in neither. The links are
    read with the records themselves; a second statement locks the linked records, out of order: a deadlock is
    transient.
    """
    requested = set(record_ids)
    contexts = await _lock(connection, requested)
    if linked := {context.linked_to for context in contexts.values() if context.linked_to is not None} - requested:
        contexts |= await _lock(connection, linked)
    return {
        id: context if context.linked_to is None else context.with_linked(contexts.get(context.linked_to))
        for id, context in contexts.items()
        if id in requested
    }


async def _lock(connection: Connection, record_ids: Iterable[UUID]) -> dict[UUID, DepositContext]:
    ids = list(record_ids)
    rows = await connection.fetch(LOCK_DEPOSIT_CONTEXTS, [bucket_of(id) for id in ids], ids)
    return {
        row["record_id"]: DepositContext(
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
