"""Restores documents after the database has lost commits, and stores which documents are lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.records.documents.domain.label_changes import sorted_labels
from services.records.documents.store.summaries import COLUMNS, summary_of
from services.records.facts.domain.documents import DocumentSummary
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, bucket_of, made_at, now

LOCK_SUMMARIES = f"""
select {COLUMNS}
from (select bucket, id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id) order by id) as sorted
cross join lateral (
  select {COLUMNS} from documents d where d.bucket = sorted.bucket and d.id = sorted.id for update
) as d"""  # noqa: S608  # a constant
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

MASK_MEASURES = "update measures set masked = true where bucket = $1 and record_id = $2 and not masked"


@dataclass(frozen=True, slots=True)
class RecoveredDocument:
    """A document restored from events. `settled_at`, `decision_id`, `reason`: of a lost publication or refusal."""

    summary: DocumentSummary
    settled_at: datetime | None = None
    decision_id: UUID | None = None
    reason: str | None = None


async def mask_measures(connection: Connection, record_ids: Sequence[UUID]) -> None:
    """Hides every measure of these records from professionals."""
    for record_id in record_ids:
        await connection.execute(MASK_MEASURES, bucket_of(record_id), record_id)


async def lock_summaries(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, DocumentSummary]:
    """Locks these documents in the order of ids; returns them by id. Their records must be locked FOR UPDATE."""
    rows = await connection.fetch(LOCK_SUMMARIES, [bucket_in(id) for id in ids], ids)
    return {row["id"]: summary_of(row) for row in rows}


async def update_recovered(connection: Connection, recovered: Sequence[RecoveredDocument]) -> None:
    """Writes the restored documents. Their rows must be locked."""
    summaries = [document.summary for document in recovered]
    await connection.execute(
        UPDATE_RECOVERED,
        [bucket_in(summary.id) for summary in summaries],
        [summary.id for summary in summaries],
        [summary.status for summary in summaries],
        [summary.life for summary in summaries],
        [summary.archived for summary in summaries],
        [" ".join(sorted_labels(summary.labels)) for summary in summaries],
        [summary.masked_by for summary in summaries],
        [summary.shown_to_representatives for summary in summaries],
        [summary.version for summary in summaries],
        [summary.changed_at for summary in summaries],
        [document.settled_at for document in recovered],
        [document.decision_id for document in recovered],
        [document.reason for document in recovered],
    )


# The lost deposit stays in the list of the organisation's deposits.
INSERT_LOST = """
with given as materialized (
  select bucket, document_id, deposit_id, record_id, organisation_id, received_at
  from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[])
    as given(bucket, document_id, deposit_id, record_id, organisation_id, received_at)
), listed as (
  insert into organisation_deposits (organisation_id, deposit_id)
  select distinct organisation_id, deposit_id from given order by organisation_id, deposit_id
  on conflict do nothing
)
insert into lost_documents (bucket, document_id, deposit_id, record_id, organisation_id, received_at)
select bucket, document_id, deposit_id, record_id, organisation_id, received_at from given
order by bucket, document_id
on conflict on constraint lost_documents_pkey do nothing
returning document_id"""
LIST_LOST = """
select deposit_id, organisation_id, min(received_at) as received_at, min(found_at) as found_at, count(*) as documents
from lost_documents group by deposit_id, organisation_id order by deposit_id desc limit $1"""
DELETE_LOST = """
with gone as (
  delete from lost_documents where bucket = $1 and record_id = $2 returning organisation_id, deposit_id
), unlisted as (
  delete from organisation_deposits o using gone
  where o.organisation_id = gone.organisation_id and o.deposit_id = gone.deposit_id
)
select count(*) from gone"""


@dataclass(frozen=True, slots=True)
class LostDeposit:
    """An accepted deposit that the database has lost. `documents`: how many it had."""

    deposit_id: UUID
    organisation_id: str
    received_at: datetime
    found_at: datetime
    documents: int


class NamedDocument(Protocol):
    """What names a document: an event about it, or what remains of one."""

    @property
    def document_id(self) -> UUID:
        """The document."""

    @property
    def deposit_id(self) -> UUID:
        """Its deposit."""

    @property
    def record_id(self) -> UUID:
        """Its record."""

    @property
    def organisation_id(self) -> str:
        """The depositing organisation."""


async def insert_lost(connection: Connection, events: Sequence[NamedDocument]) -> set[UUID]:
    """Records lost documents, each named by one event; returns the ids that were not recorded before."""
    rows = await connection.fetch(
        INSERT_LOST,
        [bucket_in(event.document_id) for event in events],
        [event.document_id for event in events],
        [event.deposit_id for event in events],
        [event.record_id for event in events],
        [event.organisation_id for event in events],
        [made_at(event.deposit_id) or now() for event in events],
    )
    return {row["document_id"] for row in rows}


async def list_lost(connection: Connection, limit: int) -> list[LostDeposit]:
    """Returns lost deposits, the latest first."""
    return [LostDeposit(**row) for row in await connection.fetch(LIST_LOST, limit)]


async def delete_lost(connection: Connection, bucket: int, record_id: UUID) -> int:
    """Deletes the lost documents of an erased record; returns how many there were."""
    count: int = await connection.fetchval(DELETE_LOST, bucket, record_id)
    return count


SELECT_MISSING = """
select case when status = 'received' then 'deposit-undecided' when audited_at is null then 'ledger-entry'
            else 'alert' end as effect, id::text as id
from documents
where status = 'received' or audited_at is null or (status = 'published' and alert_handled_at is null)
order by bucket, id"""


async def find_missing(connection: Connection) -> dict[str, list[str]]:
    """Returns the ids of documents that are not decided, not in the ledger, or whose alert is not handled yet."""
    missing: dict[str, list[str]] = {}
    for row in await connection.fetch(SELECT_MISSING):
        missing.setdefault(row["effect"], []).append(row["id"])
    return missing
