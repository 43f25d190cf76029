"""Statements that change a published document: its labels, its archiving, its deletion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.records.documents.domain.label_changes import sorted_labels
from services.records.documents.store.summaries import COLUMNS, summary_of
from services.records.facts.domain.documents import DocumentSummary
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, bucket_of

FIND_RECORD_OF_DOCUMENT = """
select r.id, r.linked_to from documents d join records r on r.bucket = $1 and r.id = d.record_id
where d.bucket = $1 and d.id = $2"""
LOCK_RECORDS = """
select locked.id
from (select bucket, id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id) order by id) as sorted
cross join lateral (
  select r.id from records r where r.bucket = sorted.bucket and r.id = sorted.id for update nowait
) as locked"""
# The record's own documents stand together in the index of their names.
SELECT_VERSIONS = f"""
select {COLUMNS}
from documents d
where d.bucket = $1 and d.record_id = $2 and coalesce(d.chain_id, d.replaces, d.id) = $3 and d.status = 'published'
  and d.life <> 'deleted'
order by d.id"""  # noqa: S608  # a constant
UPDATE_DOCUMENT = """
update documents
set labels = $3, masked_by = $4, shown_to_representatives = $5, archived = $6, life = $7, version = $8,
    changed_at = $9
where bucket = $1 and id = $2"""


@dataclass(frozen=True, slots=True)
class RecordIds:
    """The id of a document's record, and that of the same person's other record, if there is one."""

    id: UUID
    linked_to: UUID | None

    @property
    def all(self) -> list[UUID]:
        """The ids of both records, sorted."""
        return sorted({self.id} | ({self.linked_to} if self.linked_to is not None else set()))


async def find_record_of_document(connection: Connection, document_id: UUID) -> RecordIds | None:
    """Returns the record of a document and the other record of the same person, without a lock; None if unknown."""
    row = await connection.fetchrow(FIND_RECORD_OF_DOCUMENT, bucket_in(document_id), document_id)
    return RecordIds(row["id"], row["linked_to"]) if row is not None else None


async def lock_records(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Locks the rows of these records FOR UPDATE, in the order of ids; returns the ids of those that exist here.

    Raises asyncpg.LockNotAvailableError when another transaction has locked one of them.
    """
    rows = await connection.fetch(LOCK_RECORDS, [bucket_of(id) for id in ids], ids)
    return {row["id"] for row in rows}


async def load_versions(connection: Connection, summary: DocumentSummary) -> list[DocumentSummary]:
    """Returns all versions of a document that are not deleted, oldest first. The record's row must be locked."""
    if summary.chain_id is None and summary.life == "current":
        return [summary]
    rows = await connection.fetch(SELECT_VERSIONS, bucket_in(summary.id), summary.record_id, summary.first_version)
    return [summary_of(row) for row in rows]


async def update_document(connection: Connection, summary: DocumentSummary, at: datetime) -> None:
    """Writes the labels, life and version of `summary`. The record's row must be locked FOR UPDATE.

    Each change raises the version, so that no two events about a document's labels carry the same one.
    """
    await connection.execute(
        UPDATE_DOCUMENT,
        bucket_in(summary.id),
        summary.id,
        sorted_labels(summary.labels),
        summary.masked_by,
        summary.shown_to_representatives,
        summary.archived,
        summary.life,
        summary.version,
        at,
    )
