"""Loads the sealed blocks of facts of documents, only with a Permit."""

from collections.abc import Sequence
from uuid import UUID

from services.records.clinical_facts.domain.model import FactGroup
from shared.access import Permit
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_BLOCKS = """
select document_id, block from fact_blocks
where bucket = $1 and record_id = $2 and fact_group = $3 and document_id = any($4::uuid[]) and extractor_version > 0"""


async def load_blocks(
    connection: Connection, _permit: Permit, record_id: UUID, group: FactGroup, document_ids: Sequence[UUID]
) -> dict[UUID, bytes]:
    """Returns the blocks of this group of documents of one record that were read, by document id."""
    rows = await connection.fetch(SELECT_BLOCKS, bucket_of(record_id), record_id, group, document_ids)
    return {row["document_id"]: row["block"] for row in rows}
