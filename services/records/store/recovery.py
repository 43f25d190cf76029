"""What records writes when its database has lost commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.records.domain.documents import Head
from services.records.domain.patching import sorted_labels
from services.records.store.reading import head_of
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in

LOCK_HEADS = """
select locked.id, locked.record_id, locked.deposit_id, locked.status, locked.life, locked.archived, locked.masked_by,
       locked.shown_to_representatives, locked.version, locked.changed_at, locked.type, locked.class_code,
       locked.section, locked.labels, locked.organisation_id, locked.client_id, locked.author_ids, locked.received_at,
       locked.deposited_by, locked.depositor_id, locked.in_secret, locked.chain_id
from (select bucket, id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id) order by id) as sorted
cross join lateral (
  select d.id, d.record_id, d.deposit_id, d.status, d.life, d.archived, d.masked_by, d.shown_to_representatives,
         d.version, d.changed_at, d.type, d.class_code, d.section, d.labels, d.organisation_id, d.client_id,
         d.author_ids, d.received_at, d.deposited_by, d.depositor_id, d.in_secret, d.chain_id
  from documents d where d.bucket = sorted.bucket and d.id = sorted.id for update
) as locked"""
UPDATE_RECOVERED = """
update documents d
set status = given.status, life = given.life, archived = given.archived, labels = string_to_array(given.labels, ' '),
    masked_by = given.masked_by, shown_to_representatives = given.shown_to_representatives, version = given.version,
    changed_at = given.changed_at, checked_at = coalesce(d.checked_at, given.settled_at),
    settled_at = coalesce(d.settled_at, given.settled_at), decision_id = coalesce(d.decision_id, given.decision_id),
    reason = coalesce(d.reason, given.reason),
    unique_id = case given.status when 'refused' then null else d.unique_id end
from unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::text[], $8::boolean[],
            $9::integer[], $10::timestamptz[], $11::timestamptz[], $12::uuid[], $13::text[])
  as given(bucket, id, status, life, archived, labels, masked_by, shown_to_representatives, version, changed_at,
           settled_at, decision_id, reason)
where d.bucket = given.bucket and d.id = given.id"""


@dataclass(frozen=True, slots=True)
class RecoveredDocument:
    """A document as events say that it is. `settled_at`, `decision_id`, `reason`: of a lost publication or refusal."""

    head: Head
    settled_at: datetime | None = None
    decision_id: UUID | None = None
    reason: str | None = None


async def lock_heads(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Head]:
    """Takes the rows of these documents, sorted. The rows of their records must be taken FOR UPDATE."""
    rows = await connection.fetch(LOCK_HEADS, [bucket_in(id) for id in ids], ids)
    return {row["id"]: head_of(row) for row in rows}


async def update_recovered(connection: Connection, recovered: Sequence[RecoveredDocument]) -> None:
    """Makes the documents what their heads say. Their rows must be taken."""
    heads = [one.head for one in recovered]
    await connection.execute(
        UPDATE_RECOVERED,
        [bucket_in(head.id) for head in heads],
        [head.id for head in heads],
        [head.status for head in heads],
        [head.life for head in heads],
        [head.archived for head in heads],
        [" ".join(sorted_labels(head.labels)) for head in heads],
        [head.masked_by for head in heads],
        [head.shown_to_representatives for head in heads],
        [head.version for head in heads],
        [head.changed_at for head in heads],
        [one.settled_at for one in recovered],
        [one.decision_id for one in recovered],
        [one.reason for one in recovered],
    )
