"""Loads the sealed bytes of documents, only with a Permit."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from shared.access import Permit
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.runtime.clock import bucket_in, bucket_of

SELECT_CONTENT = """
select c.metadata, c.content, k.kid, k.wrapped
from contents c join record_keys k on k.bucket = $1 and k.record_id = $3
where c.bucket = $1 and c.document_id = $2"""
SELECT_METADATA = """
select c.document_id, c.metadata, k.kid, k.wrapped
from contents c join record_keys k on k.bucket = $1 and k.record_id = $3
where c.bucket = $1 and c.document_id = any($2::uuid[])"""

SELECT_CONTENTS = """
select document_id, content from contents where bucket = $1 and document_id = any($2::uuid[])"""


class SealedDocument(Struct, frozen=True, gc=False):
    """A document's sealed bytes and the key that opens them. `content` is empty where only the metadata was loaded."""

    key: WrappedKey
    metadata: bytes
    content: bytes = b""


async def read_content(connection: Connection, _permit: Permit, record_id: UUID, document_id: UUID) -> SealedDocument:
    """Returns a document's sealed metadata and content; only with a Permit. Raises NotFoundError."""
    row = await connection.fetchrow(SELECT_CONTENT, bucket_in(document_id), document_id, record_id)
    if row is None:
        raise NotFoundError
    return SealedDocument(WrappedKey(row["kid"], row["wrapped"]), row["metadata"], row["content"])


async def read_metadata(connection: Connection, permit: Permit, record_id: UUID, document_id: UUID) -> SealedDocument:
    """Returns a document's sealed metadata; only with a Permit. Raises NotFoundError."""
    sealed_by_id = await list_metadata(connection, permit, record_id, [document_id])
    if not sealed_by_id:
        raise NotFoundError
    return sealed_by_id[document_id]


async def list_contents(
    connection: Connection, _permit: Permit, record_id: UUID, document_ids: Sequence[UUID]
) -> dict[UUID, bytes]:
    """Returns the sealed contents of several documents of one record, by document id; only with a Permit."""
    rows = await connection.fetch(SELECT_CONTENTS, bucket_of(record_id), document_ids)
    return {row["document_id"]: row["content"] for row in rows}


async def list_metadata(
    connection: Connection, _permit: Permit, record_id: UUID, document_ids: Sequence[UUID]
) -> dict[UUID, SealedDocument]:
    """Returns the sealed metadata of several documents of one record, by document id; only with a Permit."""
    rows = await connection.fetch(SELECT_METADATA, bucket_of(record_id), document_ids, record_id)
    if not rows:
        return {}
    key = WrappedKey(rows[0]["kid"], rows[0]["wrapped"])  # they are of one record
    return {row["document_id"]: SealedDocument(key, row["metadata"]) for row in rows}
