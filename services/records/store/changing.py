"""Changing what a published document is: its labels, whether it is archived, whether it is still there."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.records.domain.documents import Head
from services.records.domain.patching import sorted_labels
from services.records.store.reading import head_of
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, bucket_of

FIND_PLACE = """
select r.id, r.linked_to from documents d join records r on r.bucket = $1 and r.id = d.record_id
where d.bucket = $1 and d.id = $2"""
LOCK_RECORDS = """
select locked.id
from (select bucket, id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id) order by id) as sorted
cross join lateral (
  select r.id from records r where r.bucket = sorted.bucket and r.id = sorted.id for update nowait
) as locked"""
# The record's own documents stand together in the index of their names.
SELECT_VERSIONS = """
select id, record_id, deposit_id, status, life, archived, masked_by, shown_to_representatives, version,
       changed_at, type, class_code, section, labels, organisation_id, client_id, author_ids, received_at, deposited_by,
       depositor_id, in_secret, chain_id
from documents
where bucket = $1 and record_id = $2 and coalesce(chain_id, replaces, id) = $3 and status = 'published'
  and life <> 'deleted'
order by id"""
UPDATE_DOCUMENT = """
update documents
set labels = $3, masked_by = $4, shown_to_representatives = $5, archived = $6, life = $7, version = $8,
    changed_at = $9
where bucket = $1 and id = $2"""


async def find_place(connection: Connection, document_id: UUID) -> tuple[UUID, UUID | None] | None:
    """The record in which a document lies, and the other record of the same person. No lock is taken."""
    row = await connection.fetchrow(FIND_PLACE, bucket_in(document_id), document_id)
    return (row["id"], row["linked_to"]) if row is not None else None


async def lock_records(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Takes the rows of these records, sorted, and returns the ids of those that are here.

    Raises asyncpg.LockNotAvailableError when somebody has one of them.
    """
    rows = await connection.fetch(LOCK_RECORDS, [bucket_of(id) for id in ids], ids)
    return {row["id"] for row in rows}


async def load_versions(connection: Connection, head: Head) -> list[Head]:
    """All versions of a document that are not deleted, the oldest first; the record's row must be taken."""
    if head.chain_id is None and head.life == "current":
        return [head]
    rows = await connection.fetch(SELECT_VERSIONS, bucket_in(head.id), head.record_id, head.first_version)
    return [head_of(row) for row in rows]


async def update_document(connection: Connection, head: Head, at: datetime) -> None:
    """Makes the document what `head` says, with the version of its last change: each change raises it, so that no two
    events about its labels carry the same one. The record's row must be taken FOR UPDATE.
    """
    await connection.execute(
        UPDATE_DOCUMENT,
        bucket_in(head.id),
        head.id,
        sorted_labels(head.labels),
        head.masked_by,
        head.shown_to_representatives,
        head.archived,
        head.life,
        head.version,
        at,
    )
