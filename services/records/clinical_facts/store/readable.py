"""Lists the documents whose facts a reader may see, and loads sealed blocks of facts, only with a Permit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from msgspec import Struct

from services.records.clinical_facts.domain.model import FactGroup
from services.records.clinical_facts.domain.readable import ReadableDocument
from services.records.documents.store.search import ownership_keys, parse_keys
from services.records.facts.domain.facts import Requester
from shared.access import Permit
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

# Which combinations are permitted, the rules have decided; the keys are built as in the searches of documents.
SELECT_SOURCES = """
select d.id, d.record_id, d.type, d.section, d.class_code, d.organisation_id, d.author_ids, d.deposited_by,
       d.depositor_id, d.received_at, d.care_on, d.cites is not null, coalesce(d.facts_state, 'pending'), d.facts_reason
from document_combinations had
join documents d on d.bucket = $1 and d.id = had.document_id
where had.bucket = $1 and had.record_id = $2 and had.document_id <= $9
  and (case
         when coalesce(had.organisation_id = $3, false) or coalesce($4 = any(had.author_ids), false)
           or coalesce(had.depositor_id = $5, false)
         then had.combination_id = any($6::bigint[]) else had.combination_id = any($7::bigint[]) end
       or had.document_id = any($8::uuid[]))
  and ($10::uuid is null or had.document_id = $10)
order by d.id desc limit $11"""
SELECT_BLOCKS = """
select b.document_id, b.fact_group, b.block, k.kid, k.wrapped
from fact_blocks b join record_keys k on k.bucket = $1 and k.record_id = $2
where b.bucket = $1 and b.record_id = $2 and b.fact_group = any($3::text[]) and b.document_id = any($4::uuid[])"""


@dataclass(frozen=True, slots=True)
class SourceBounds:
    """Which documents: from this id downwards, or one of them alone; at most `limit`."""

    start: UUID
    limit: int
    document: UUID | None = None


class SealedBlock(Struct, frozen=True, gc=False):
    """A sealed block of a document and group, and the key of the record that opens it."""

    document_id: UUID
    group: FactGroup
    sealed: bytes
    kid: str
    wrapped: bytes

    @property
    def key(self) -> WrappedKey:
        """The wrapped key of the record."""
        return WrappedKey(self.kid, self.wrapped)


async def list_sources(
    connection: Connection, record_id: UUID, requester: Requester, permitted: Sequence[str], bounds: SourceBounds
) -> list[ReadableDocument]:
    """Returns the documents that have one of these combinations, newest first."""
    arguments = (*ownership_keys(requester), *parse_keys(permitted), bounds.start, bounds.document, bounds.limit)
    rows = await connection.fetch(SELECT_SOURCES, bucket_of(record_id), record_id, *arguments)
    return [ReadableDocument(*row) for row in rows]  # the columns stand in the order of its members


async def load_blocks(
    connection: Connection, _permit: Permit, record_id: UUID, groups: Collection[FactGroup], ids: Sequence[UUID]
) -> list[SealedBlock]:
    """Returns the sealed blocks of these documents and groups; only with a Permit."""
    rows = await connection.fetch(SELECT_BLOCKS, bucket_of(record_id), record_id, list(groups), ids)
    return [SealedBlock(*row) for row in rows]
