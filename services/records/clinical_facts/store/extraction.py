"""Loads the contents of which the facts are to be read, only with an `ExtractionPermit`, and stores what was read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
import orjson

from services.records.clinical_facts.domain.extraction_permit import ExtractionPermit
from services.records.facts.domain.documents import StoredFactsState
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in

COLUMNS: Final = """
       d.id, d.record_id, d.section, d.life, d.facts_state, c.metadata,
       case when octet_length(c.content) <= $3 then c.content end as content, k.kid, k.wrapped, r.ins, r.traits"""
"""The columns of `ContentToRead`. A larger content ($3: bytes) is not loaded."""
# A document that has a block was read, or waits for `SELECT_OUTDATED`.
SELECT_UNREAD = f"""
select {COLUMNS}
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id)
join documents d on d.bucket = wanted.bucket and d.id = wanted.id
join records r on r.bucket = wanted.bucket and r.id = d.record_id
join record_keys k on k.bucket = wanted.bucket and k.record_id = d.record_id
join contents c on c.bucket = wanted.bucket and c.document_id = d.id
where d.status = 'published' and not exists (
  select from fact_blocks b
  where b.bucket = wanted.bucket and b.record_id = d.record_id and b.fact_group = 'summary' and b.document_id = d.id
)
order by d.id"""  # noqa: S608  # a constant
SELECT_OUTDATED = f"""
with due as materialized (
  select bucket, record_id, document_id from fact_blocks
  where fact_group = 'summary' and extractor_version < $1 limit $2 for update skip locked
)
select {COLUMNS}
from due
join documents d on d.bucket = due.bucket and d.id = due.document_id
join records r on r.bucket = due.bucket and r.id = due.record_id
join record_keys k on k.bucket = due.bucket and k.record_id = due.record_id
join contents c on c.bucket = due.bucket and c.document_id = due.document_id
order by d.id"""  # noqa: S608  # a constant
COUNT_OUTDATED = """
select count(*) from (
  select from fact_blocks where fact_group = 'summary' and extractor_version < $1 limit $2
) as due"""
# The share lock on the record's row is the fence against an erasure: without the row, nothing is written. Documents are
# locked in the order of ids, after all records, as whoever else changes several of them does.
STATE_FACTS = """
with given as materialized (
  select bucket, record_id, id, state, reason
  from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
    as given(bucket, record_id, id, state, reason)
), fenced as materialized (
  select locked.id
  from (select distinct bucket, record_id from given order by record_id) as sorted
  cross join lateral (
    select r.id from records r where r.bucket = sorted.bucket and r.id = sorted.record_id for key share
  ) as locked
), locked as materialized (
  select taken.bucket, taken.id
  from (
    select given.bucket, given.id from given join fenced on fenced.id = given.record_id order by given.id
  ) as sorted
  cross join lateral (
    select d.bucket, d.id from documents d where d.bucket = sorted.bucket and d.id = sorted.id for no key update
  ) as taken
)
update documents d set facts_state = given.state, facts_reason = given.reason
from locked join given using (bucket, id)
where d.bucket = locked.bucket and d.id = locked.id
returning d.id"""
DELETE_BLOCKS = """
delete from fact_blocks b
using unnest($1::integer[], $2::uuid[], $3::uuid[]) as given(bucket, record_id, document_id)
where b.bucket = given.bucket and b.record_id = given.record_id and b.document_id = given.document_id"""
INSERT_BLOCKS = """
insert into fact_blocks (bucket, record_id, fact_group, document_id, extractor_version, block)
select bucket, record_id, fact_group, document_id, $1, block
from unnest($2::integer[], $3::uuid[], $4::text[], $5::uuid[], $6::bytea[])
  as given(bucket, record_id, fact_group, document_id, block)"""
SELECT_SUMMARY_BLOCKS = """
select b.document_id, b.block
from unnest($1::integer[], $2::uuid[], $3::uuid[]) as given(bucket, record_id, document_id)
join fact_blocks b on b.bucket = given.bucket and b.record_id = given.record_id and b.document_id = given.document_id
where b.fact_group = 'summary' and b.extractor_version > 0"""
LARGEST_SEALED: Final = 8 * 1024 * 1024
"""Bytes of a compressed, sealed content from which it is not read. Structured documents take a twentieth of it."""


@dataclass(frozen=True, slots=True)
class ContentToRead:
    """A published document whose facts are to be read. `metadata` and `content` are sealed.

    `content` is None where it is too large. `state`: of an earlier reading. `ins`, `traits`: the record's fingerprints.
    """

    id: UUID
    record_id: UUID
    section: str
    life: str
    state: StoredFactsState | None
    key: WrappedKey
    metadata: bytes
    content: bytes | None
    ins: str
    traits: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ReadFacts:
    """What was read out of a document: its state, the reason of it, and the sealed blocks by group."""

    document: ContentToRead
    state: StoredFactsState
    reason: str | None
    blocks: Mapping[str, bytes]


async def load_unread(connection: Connection, _permit: ExtractionPermit, ids: Sequence[UUID]) -> list[ContentToRead]:
    """Returns those of these documents that are published and were not read yet."""
    rows = await connection.fetch(SELECT_UNREAD, [bucket_in(id) for id in ids], ids, LARGEST_SEALED)
    return [_content_of(row) for row in rows]


async def load_outdated(
    connection: Connection, _permit: ExtractionPermit, version: int, limit: int
) -> list[ContentToRead]:
    """Returns documents that an older extractor read, and those of older releases; nobody else takes them meanwhile."""
    return [_content_of(row) for row in await connection.fetch(SELECT_OUTDATED, version, limit, LARGEST_SEALED)]


async def count_outdated(connection: Connection, version: int, limit: int) -> int:
    """Returns how many documents are to be read again or for the first time, at most `limit`."""
    count: int = await connection.fetchval(COUNT_OUTDATED, version, limit)
    return count


async def load_summary_blocks(
    connection: Connection, _permit: ExtractionPermit, documents: Sequence[ContentToRead]
) -> dict[UUID, bytes]:
    """Returns the sealed block of the summary's group of those of these documents that were read before."""
    buckets = [bucket_in(document.id) for document in documents]
    records, ids = [document.record_id for document in documents], [document.id for document in documents]
    rows = await connection.fetch(SELECT_SUMMARY_BLOCKS, buckets, records, ids)
    return {row["document_id"]: row["block"] for row in rows}


async def store_facts(connection: Connection, version: int, facts: Sequence[ReadFacts], *, swaps: bool) -> None:
    """Stores what this version of the extractor read; `swaps`: in the place of what was read before.

    Documents of a record that is gone by now are left out.
    """
    buckets = [bucket_in(read.document.id) for read in facts]
    records, ids = [read.document.record_id for read in facts], [read.document.id for read in facts]
    states, reasons = [read.state for read in facts], [read.reason for read in facts]
    rows = await connection.fetch(STATE_FACTS, buckets, records, ids, states, reasons)
    written = {row["id"] for row in rows}
    if swaps:
        await connection.execute(DELETE_BLOCKS, buckets, records, ids)
    blocks = [
        (read.document, group, block)
        for read in facts
        if read.document.id in written
        for group, block in read.blocks.items()
    ]
    await connection.execute(
        INSERT_BLOCKS,
        version,
        [bucket_in(document.id) for document, _, _ in blocks],
        [document.record_id for document, _, _ in blocks],
        [group for _, group, _ in blocks],
        [document.id for document, _, _ in blocks],
        [block for _, _, block in blocks],
    )


def _content_of(row: asyncpg.Record) -> ContentToRead:
    return ContentToRead(
        id=row["id"],
        record_id=row["record_id"],
        section=row["section"],
        life=row["life"],
        state=row["facts_state"],
        key=WrappedKey(row["kid"], row["wrapped"]),
        metadata=row["metadata"],
        content=row["content"],
        ins=row["ins"],
        traits=orjson.loads(row["traits"]),
    )
