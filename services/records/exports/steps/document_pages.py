"""The next documents of a copy: decided and announced under the fence, then read, hashed and sealed as a part."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.documents.adapters.resources import document_reference
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.filters import EVER
from services.records.documents.domain.metadata import DocumentMetadata, care_day
from services.records.documents.domain.search import LAST_ID, PageStart
from services.records.documents.store import contents
from services.records.documents.store import search as search_store
from services.records.documents.store.search import PageBounds
from services.records.exports.domain.documents import ExportedDocument, exported_document
from services.records.exports.domain.exports import Export
from services.records.exports.steps.decisions import announce_documents, caller_of, decide_export
from services.records.exports.steps.own_export import end_refused
from services.records.facts.context import ReadContext
from services.records.facts.domain.documents import DocumentSummary
from services.records.kit.held_records import retry_while_locked
from shared.access import Permit, Refusal
from shared.db.pool import Connection

DOCUMENTS_AT_ONCE: Final = 40
BYTES_AT_ONCE: Final = 2_000_000
"""The bytes of contents that are read together; a larger content is read alone."""


@dataclass(frozen=True, slots=True)
class DecidedPage:
    """The next documents, newest first, all permitted. `total`: how many the copy may have in all.

    `refusal`: the copy may not go on; None: it may.
    """

    summaries: tuple[DocumentSummary, ...] = ()
    total: int = 0
    permit: Permit | None = None
    refusal: Refusal | None = None


@retry_while_locked
async def decide_page(context: ReadContext, export: Export) -> DecidedPage:
    """Decides on the next documents and announces each. A refusal that lasts destroys the copy.

    Raises UncheckableError while the record is locked.
    """
    async with context.pool.acquire() as connection, read_locked(connection):
        caller = caller_of(export)
        decided = await decide_export(connection, context, caller, export.record_id, export.records)
        if isinstance(decided.decision, Refusal):
            await end_refused(connection, decided, export)
            return DecidedPage(refusal=decided.decision)
        bounds = PageBounds(PageStart(export.position or LAST_ID), EVER, DOCUMENTS_AT_ONCE)
        summaries: list[DocumentSummary] = []
        for search in decided.searches:
            if search.record.id is not None and search.permitted:
                summaries += await search_store.load_permitted(
                    connection, search.record.id, caller, search.permitted, bounds
                )
        summaries.sort(key=lambda summary: summary.id, reverse=True)
        page = tuple(summaries[:DOCUMENTS_AT_ONCE])
        await announce_documents(connection, decided, page)
        return DecidedPage(page, decided.total, decided.decision)


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was read for a copy, and its FHIR resource."""

    document: ExportedDocument
    resource: bytes


async def read_page(context: ReadContext, page: DecidedPage) -> list[ReadDocument]:
    """Returns the documents of a decided page, in its order; one that was erased meanwhile is left out.

    Raises SealBrokenError.
    """
    assert page.permit is not None, "nothing is read without a permission"
    read: dict[UUID, ReadDocument] = {}
    for record_id in sorted({summary.record_id for summary in page.summaries}):
        summaries = [summary for summary in page.summaries if summary.record_id == record_id]
        async with context.pool.acquire() as connection:
            read |= await _read_of_record(context, connection, page.permit, record_id, summaries)
    return [read[summary.id] for summary in page.summaries if summary.id in read]


async def _read_of_record(
    context: ReadContext,
    connection: Connection,
    permit: Permit,
    record_id: UUID,
    summaries: Sequence[DocumentSummary],
) -> dict[UUID, ReadDocument]:
    sealed = await contents.list_metadata(connection, permit, record_id, [summary.id for summary in summaries])
    if not sealed:
        return {}
    key = context.vault.unwrap(record_id, next(iter(sealed.values())).key)
    opened = [
        (summary, sealed_contents.open_metadata(key, summary.id, sealed[summary.id].metadata))
        for summary in summaries
        if summary.id in sealed
    ]
    read: dict[UUID, ReadDocument] = {}
    for group in grouped([(each, each[1].size) for each in opened]):
        ids = [summary.id for summary, _ in group]
        bodies = await contents.list_contents(connection, permit, record_id, ids)
        read |= await asyncio.to_thread(_open_group, key, group, bodies)
    return read


def _open_group(
    key: bytes, group: Iterable[tuple[DocumentSummary, DocumentMetadata]], bodies: dict[UUID, bytes]
) -> dict[UUID, ReadDocument]:
    read: dict[UUID, ReadDocument] = {}
    for summary, metadata in group:
        if summary.id in bodies:
            content = sealed_contents.open_content(key, summary.id, bodies.pop(summary.id))
            document = exported_document(summary, metadata, care_day(metadata), content)
            resource = document_reference(summary, metadata, french=True, url=document.name)
            read[summary.id] = ReadDocument(document, resource)
    return read


Item = TypeVar("Item")


def grouped(items: Iterable[tuple[Item, int]]) -> Iterator[list[Item]]:
    """Yields the items in groups of at most BYTES_AT_ONCE bytes, or of one item; with each item come its bytes."""
    group: list[Item] = []
    size = 0
    for item, item_size in items:
        if group and size + item_size > BYTES_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(item)
        size += item_size
    if group:
        yield group
