"""Reads the emergency accesses to a record, or by a structure."""

from datetime import datetime
from uuid import UUID

from services.audit.emergencies.domain import EmergencyAccess
from shared.contracts.audit import READ_ACTIONS, AccessRecorded
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of
from shared.terminology.access_modes import EMERGENCY_MODES

SELECT_RECORD_EMERGENCIES = """
select entry.event_id, entry.occurred_at, entry.record_id, entry.action, entry.actor_id, entry.profession,
       entry.organisation_id, entry.mode, entry.details->>'session_id' as session_id,
       coalesce(entry.details->>'motive', late.kept) as motive,
       case when document.visible_to_patient and (document.visible_to_representatives or not $3)
            then entry.document_id end as document_id
from ledger_entries entry
left join document_visibilities document
  on document.bucket = $1 and document.record_id = $2 and document.document_id = entry.document_id
left join late_motives late on late.record_id = $2 and late.event_id = entry.event_id
where entry.record_id = $2 and entry.event_type = $4 and entry.mode = any($5::text[]) and entry.action = any($6::text[])
  and entry.outcome = 'permitted' and entry.actor_kind = 'professional'
order by entry.occurred_at desc limit $7"""
SELECT_STRUCTURE_EMERGENCIES = """
select entry.event_id, entry.occurred_at, entry.record_id, entry.action, entry.actor_id, entry.profession,
       entry.organisation_id, entry.mode, entry.details->>'session_id' as session_id,
       coalesce(entry.details->>'motive', late.kept, late.sealed) as motive,
       entry.document_id
from ledger_entries entry
left join late_motives late on late.record_id = entry.record_id and late.event_id = entry.event_id
where entry.organisation_id = $1 and entry.occurred_at >= $2 and entry.occurred_at < $3
  and entry.mode = any($4::text[]) and entry.event_type = $5 and entry.action = any($6::text[])
  and entry.outcome = 'permitted' and entry.actor_kind = 'professional'
order by entry.occurred_at"""


async def find_record_emergencies(
    connection: Connection, record_id: UUID, limit: int, *, to_representatives: bool
) -> list[EmergencyAccess]:
    """Returns the newest emergency accesses.

    Ids of documents that the patient may not know of are left out; for representatives also those invisible to them.
    """
    rows = await connection.fetch(
        SELECT_RECORD_EMERGENCIES,
        bucket_of(record_id),
        record_id,
        to_representatives,
        AccessRecorded.ce_type,
        EMERGENCY_MODES,
        READ_ACTIONS,
        limit,
    )
    return [EmergencyAccess(**row) for row in rows]


async def find_structure_emergencies(
    connection: Connection, structure_id: str, since: datetime, until: datetime
) -> list[EmergencyAccess]:
    """Returns all emergency accesses in a period. A motive whose key is not here yet is returned as sent."""
    rows = await connection.fetch(
        SELECT_STRUCTURE_EMERGENCIES, structure_id, since, until, EMERGENCY_MODES, AccessRecorded.ce_type, READ_ACTIONS
    )
    return [EmergencyAccess(**row) for row in rows]
