"""Single entries of the ledger, found by the time that their id carries."""

from datetime import timedelta
from uuid import UUID

import orjson

from services.audit.explanations.domain import LedgerDecision
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of, made_at

ID_TIME_TOLERANCE = timedelta(seconds=10)
"""The time in an event's id differs from the event's time by less than this."""
SELECT_ENTRY = """
select entry.event_id, entry.event_type, entry.occurred_at, entry.record_id, entry.action, entry.outcome, entry.reason,
       entry.actor_kind, entry.actor_id, entry.document_id, entry.mode, entry.rules_version, entry.details
from ledger_entries entry
where entry.occurred_at between $1 and $2 and entry.event_id = $3 and entry.record_id is not null"""
SELECT_VISIBILITY = """
select visible_to_patient, visible_to_representatives from document_visibilities
where bucket = $1 and record_id = $2 and document_id = $3"""


async def find_entry(connection: Connection, event_id: UUID) -> LedgerDecision | None:
    """Returns the entry of an event; None if there is none, or for an id that carries no time."""
    made_at_time = made_at(event_id)
    if made_at_time is None:
        return None
    row = await connection.fetchrow(
        SELECT_ENTRY, made_at_time - ID_TIME_TOLERANCE, made_at_time + ID_TIME_TOLERANCE, event_id
    )
    return None if row is None else LedgerDecision(**{**row, "details": orjson.loads(row["details"])})


async def is_document_visible(
    connection: Connection, record_id: UUID, document_id: UUID, *, to_representatives: bool
) -> bool:
    """Whether the patient, or with `to_representatives` also representatives, may know of this document."""
    row = await connection.fetchrow(SELECT_VISIBILITY, bucket_of(record_id), record_id, document_id)
    if row is None:
        return False
    return bool(row["visible_to_patient"] and (row["visible_to_representatives"] or not to_representatives))
