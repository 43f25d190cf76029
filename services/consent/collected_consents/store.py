"""Stores the last statement of each structure that was applied, and finds the patient side's own changes."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.consent.collected_consents.domain import CollectedStatement
from shared.access.facts import PATIENT_SIDE
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_APPLIED = """
select kind, code, collected_at, stay_until from collected_consents
where bucket = $1 and record_id = $2 and organisation_id = $3 and kind = $4"""
SELECT_CHANGES_BY_PATIENT_SIDE = """
select action, max(changed_at) as changed_at from state_changes
where bucket = $1 and record_id = $2 and actor_kind = any($3::text[])
  and (subject_id = $4 or action = 'object-to-care-team')
group by action"""


async def find_applied(
    connection: Connection, record_id: UUID, organisation_id: str, kind: str
) -> CollectedStatement | None:
    """Returns the structure's last statement of this kind that was applied."""
    row = await connection.fetchrow(SELECT_APPLIED, bucket_of(record_id), record_id, organisation_id, kind)
    return None if row is None else CollectedStatement(**row)


async def find_changes_by_patient_side(
    connection: Connection, record_id: UUID, organisation_id: str
) -> Mapping[str, datetime]:
    """Returns when the patient side last made each change that concerns the structure, by action."""
    rows = await connection.fetch(
        SELECT_CHANGES_BY_PATIENT_SIDE, bucket_of(record_id), record_id, sorted(PATIENT_SIDE), organisation_id
    )
    return {change["action"]: change["changed_at"] for change in rows}


UPSERT_APPLIED = """
insert into collected_consents (bucket, record_id, organisation_id, kind, code, collected_at, stay_until)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict on constraint collected_consents_pkey do update
set code = excluded.code, collected_at = excluded.collected_at, stay_until = excluded.stay_until"""


async def upsert_applied(
    connection: Connection, record_id: UUID, organisation_id: str, statement: CollectedStatement
) -> None:
    """Stores a statement as the last one of its kind that was applied."""
    await connection.execute(
        UPSERT_APPLIED,
        bucket_of(record_id),
        record_id,
        organisation_id,
        statement.kind,
        statement.code,
        statement.collected_at,
        statement.stay_until,
    )
