"""The SQL statement of the list of accesses."""

from uuid import UUID

from services.audit.accesses.domain import PATIENT_LIST_TYPES, ShownEntry
from services.audit.ledger.domain.cursors import LedgerCursor
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_SHOWN_ENTRIES = """
select entry.event_id, entry.occurred_at, entry.action, entry.outcome, entry.reason, entry.actor_kind, entry.actor_id,
       entry.profession, entry.organisation_id, entry.document_id, entry.subject_id, entry.mode
from ledger_entries entry
left join document_visibilities document
  on document.bucket = $1 and document.record_id = $2 and document.document_id = entry.document_id
where entry.record_id = $2 and entry.event_type = any($3::text[])
  and entry.occurred_at <= $4 and (entry.occurred_at, entry.event_id) < ($4, $5)
  and (entry.document_id is null
       or (document.visible_to_patient and (document.visible_to_representatives or not $7)))
  and (entry.mode <> 'secret' or not $7)
order by entry.occurred_at desc, entry.event_id desc limit $6"""


async def find_shown_entries(
    connection: Connection, record_id: UUID, before: LedgerCursor, limit: int, *, to_representatives: bool
) -> list[ShownEntry]:
    """Returns the newest entries of a record before a cursor. Leaves out entries about documents that the patient may
    not know of; for representatives also those that are invisible to them, and secret connections.

    A document is shown only if labels that permit it are stored; one whose labels have not reached audit is left out.
    """
    rows = await connection.fetch(
        SELECT_SHOWN_ENTRIES,
        bucket_of(record_id),
        record_id,
        PATIENT_LIST_TYPES,
        before.occurred_at,
        before.event_id,
        limit,
        to_representatives,
    )
    return [ShownEntry(**row) for row in rows]
