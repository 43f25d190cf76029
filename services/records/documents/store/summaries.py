"""Loads the codes of documents from the columns of `documents`."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from services.records.facts.domain.documents import DocumentSummary
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, bucket_of

COLUMNS: Final = """
       d.id, d.record_id, d.deposit_id, d.status, d.life, d.archived, d.masked_by, d.shown_to_representatives,
       d.version, d.changed_at, d.type, d.class_code, d.section, d.labels, d.organisation_id, d.client_id,
       d.author_ids, d.received_at, d.deposited_by, d.depositor_id, d.in_secret, d.chain_id, d.reason,
       d.care_on, d.cites, d.facts_state, d.facts_reason"""
"""The columns of `documents d` that `summary_of` reads."""
SELECT_SUMMARY = f"select {COLUMNS} from documents d where d.bucket = $1 and d.id = $2"  # noqa: S608  # a constant


SELECT_SUMMARIES = f"""
select {COLUMNS} from documents d where d.bucket = $1 and d.record_id = $2 and d.id = any($3::uuid[])"""  # noqa: S608  # a constant


async def load_summaries(connection: Connection, record_id: UUID, ids: Sequence[UUID]) -> dict[UUID, DocumentSummary]:
    """Returns the codes of these documents of a record by id; documents of other records are left out."""
    rows = await connection.fetch(SELECT_SUMMARIES, bucket_of(record_id), record_id, ids)
    return {row["id"]: summary_of(row) for row in rows}


async def load_summary(connection: Connection, document_id: UUID) -> DocumentSummary | None:
    """Returns one document's codes, None if there is no such document."""
    row = await connection.fetchrow(SELECT_SUMMARY, bucket_in(document_id), document_id)
    return summary_of(row) if row is not None else None


def summary_of(row: asyncpg.Record) -> DocumentSummary:
    """Returns a document's codes from its columns."""
    return DocumentSummary(
        id=row["id"],
        record_id=row["record_id"],
        deposit_id=row["deposit_id"],
        status=row["status"],
        life=row["life"],
        archived=row["archived"],
        masked_by=row["masked_by"],
        shown_to_representatives=row["shown_to_representatives"],
        version=row["version"],
        changed_at=row["changed_at"],
        type=row["type"],
        class_code=row["class_code"],
        section=row["section"],
        labels=frozenset(row["labels"]),
        organisation_id=row["organisation_id"],
        client_id=row["client_id"],
        author_ids=frozenset(row["author_ids"]),
        received_at=row["received_at"],
        deposited_by=row["deposited_by"],
        depositor_id=row["depositor_id"],
        in_secret=row["in_secret"],
        chain_id=row["chain_id"],
        refusal=row["reason"],
        care_on=row["care_on"],
        cites=None if row["cites"] is None else tuple(row["cites"]),
        stored_facts=row["facts_state"],
        facts_reason=row["facts_reason"],
    )
