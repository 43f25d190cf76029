"""Reads the entries of the list of accesses."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.audit.accesses.domain import LIST_READER_KINDS, PATIENT_LIST_TYPES, ShownEntry
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
  and ($8::uuid is null or entry.document_id = $8)
  and not (entry.actor_kind = any($9::text[]) and entry.actor_id = any($10::text[]))
order by entry.occurred_at desc, entry.event_id desc limit $6"""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are listed: for representatives, about one document, without those of these actors."""

    to_representatives: bool
    document_id: UUID | None = None
    hidden_actors: tuple[str, ...] = ()


async def find_shown_entries(
    connection: Connection, record_id: UUID, before: LedgerCursor, limit: int, entry_filter: EntryFilter
) -> list[ShownEntry]:
    """Returns the newest entries of a record before a cursor.

    Leaves out entries about documents that the patient may not know of; for representatives also entries that are
    invisible to them, and secret connections. A document is shown only if labels that permit it are stored; one whose
    labels have not reached audit is left out.
    """
    rows = await connection.fetch(
        SELECT_SHOWN_ENTRIES,
        bucket_of(record_id),
        record_id,
        PATIENT_LIST_TYPES,
        before.occurred_at,
        before.event_id,
        limit,
        entry_filter.to_representatives,
        entry_filter.document_id,
        LIST_READER_KINDS,
        entry_filter.hidden_actors,
    )
    return [ShownEntry(**row) for row in rows]


COUNT_HIDDEN = """
select count(*) from (
  select from ledger_entries entry
  left join document_visibilities document
    on document.bucket = $1 and document.record_id = $2 and document.document_id = entry.document_id
  where entry.record_id = $2 and entry.event_type = any($3::text[])
    and entry.occurred_at <= $4 and entry.occurred_at >= $5
    and (entry.document_id is null
         or (document.visible_to_patient and (document.visible_to_representatives or not $6)))
    and (entry.mode <> 'secret' or not $6)
    and ($7::uuid is null or entry.document_id = $7)
    and entry.actor_kind = any($8::text[]) and entry.actor_id = any($9::text[])
  limit 1000
) hidden"""


async def count_hidden(
    connection: Connection, record_id: UUID, before: LedgerCursor, since: datetime, entry_filter: EntryFilter
) -> int:
    """Returns how many entries of the hidden actors lie between a moment and a cursor; 1,000 at most."""
    count = await connection.fetchval(
        COUNT_HIDDEN,
        bucket_of(record_id),
        record_id,
        PATIENT_LIST_TYPES,
        before.occurred_at,
        since,
        entry_filter.to_representatives,
        entry_filter.document_id,
        LIST_READER_KINDS,
        entry_filter.hidden_actors,
    )
    return int(count)
