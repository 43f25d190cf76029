"""Opens what is stored of a copy: its documents, and its FHIR Bundle piece by piece."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from services.records.exports import store
from services.records.exports.domain import bundle
from services.records.exports.domain.documents import ExportedDocument
from services.records.exports.domain.exports import Export, ExportUnknownError
from services.records.exports.domain.sealed_parts import (
    decode_documents,
    documents_place,
    open_piece,
    resources_place,
)
from services.records.facts.context import ReadContext


async def load_key(context: ReadContext, export: Export) -> bytes:
    """Returns the key under which a copy is sealed. Raises ExportUnknownError where its record was erased."""
    async with context.pool.acquire() as connection:
        wrapped = await store.load_key(connection, export.record_id)
    if wrapped is None:
        raise ExportUnknownError
    return context.vault.unwrap(export.record_id, wrapped)


async def load_documents(context: ReadContext, export: Export, key: bytes) -> list[list[ExportedDocument]]:
    """Returns the documents of each part, in the order of the archive. Raises SealBrokenError."""
    async with context.pool.acquire() as connection:
        sealed = await store.list_part_documents(connection, export)

    def opened() -> list[list[ExportedDocument]]:
        return [
            decode_documents(open_piece(key, export.id, documents_place(number), part))
            for number, part in enumerate(sealed)
        ]

    return await asyncio.to_thread(opened)


async def bundle_pieces(context: ReadContext, export: Export, key: bytes, made_at: datetime) -> AsyncIterator[bytes]:
    """Yields the Bundle of a copy whose parts are all there. Raises SealBrokenError, and ExportUnknownError where the
    copy is gone."""
    has_entries = export.documents > 0
    yield bundle.bundle_head(export.id, made_at, has_entries=has_entries)
    is_first = True
    for number in range(export.parts):
        async with context.pool.acquire() as connection:
            sealed = await store.load_resources(connection, export, number)
        if sealed is None:
            raise ExportUnknownError
        entries = open_piece(key, export.id, resources_place(number), sealed)
        if entries:
            yield entries if is_first else bundle.SEPARATOR + entries
            is_first = False
    yield bundle.bundle_tail(has_entries=has_entries)
