"""Lists the permitted documents of searches, and opens their metadata for a page: a part of the lists of documents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from services.records.documents.domain import sealed_contents
from services.records.documents.domain.filters import NO_FILTERS, DocumentFilters
from services.records.documents.domain.metadata import DocumentMetadata
from services.records.documents.domain.search import NEWEST_FIRST, PageStart, RecordSearch
from services.records.documents.steps.record_searches import RecordQuery
from services.records.documents.store import contents
from services.records.documents.store import search as search_store
from services.records.documents.store.contents import SealedDocument
from services.records.documents.store.search import PageBounds
from services.records.facts.context import ReadContext
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import FactCombination, combination_of
from services.records.kit.threads import in_thread_if_large
from shared.access import Permit
from shared.db.pool import Connection
from shared.http.tokens import Caller

CURRENT: Final = frozenset({"current"})
MOST_OPENED: Final = 1000
"""Documents whose metadata are opened for one page, where a filter looks at them."""
AS_BYTES: Final = 10_000
"""Opening the metadata of one document takes as long as sealing so many bytes."""


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """A search in a record: the page, the statuses of DocumentReference, and the filters.

    `count` 0: only the total is wanted.
    """

    record: RecordQuery
    count: int
    start: PageStart = NEWEST_FIRST
    statuses: frozenset[str] = CURRENT
    filters: DocumentFilters = NO_FILTERS

    @property
    def most_listed(self) -> int:
        """How many documents may have to be looked at for the page."""
        return MOST_OPENED if self.filters.opens_metadata and self.count else self.count


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document that may be listed, and the notices for its reader."""

    summary: DocumentSummary
    metadata: DocumentMetadata
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A page of documents in the order of the query. `after`: where the next page begins; None on the last. `total`:
    the number of documents on all pages; None where a filter looks at what is sealed.

    `record_id` is None where the existence of the record must not be disclosed.
    """

    record_id: UUID | None
    documents: tuple[ListedDocument, ...]
    after: PageStart | None = None
    total: int | None = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing on this page nor, as far as is known, on others."""
        return not (self.total or self.documents or self.after)


def page_of(
    query: DocumentQuery,
    searches: Sequence[RecordSearch],
    summaries: Sequence[DocumentSummary],
    documents: Sequence[ListedDocument],
) -> DocumentPage:
    """Returns the page of the documents that pass the filters. `documents`: those of `summaries` that were opened."""
    passing = [document for document in documents if query.filters.passes(document.metadata)]
    listed = passing[: query.count]
    after = None
    if len(passing) > query.count:
        after = _position(listed[-1].summary, query)
    elif len(summaries) > query.most_listed:
        after = _position(summaries[query.most_listed - 1], query)
    total = None if query.filters.opens_metadata else _total(searches, query)
    return DocumentPage(searches[0].record.id, tuple(listed), after, total)


def _total(searches: Iterable[RecordSearch], query: DocumentQuery) -> int:
    return sum(search.total(query.statuses, query.filters) for search in searches)


def _position(summary: DocumentSummary, query: DocumentQuery) -> PageStart:
    by_care = query.start.care_on is not None
    return PageStart(summary.id, (summary.care_on or date.min) if by_care else None)


async def list_permitted(
    connection: Connection, caller: Caller, searches: Iterable[RecordSearch], query: DocumentQuery
) -> list[DocumentSummary]:
    """Returns the documents to look at for the page, in its order, plus one more if others follow."""
    page = PageBounds(query.start, query.filters.period, query.most_listed + 1)
    summaries: list[DocumentSummary] = []
    for search in searches:
        keys = search.listed(query.statuses, query.filters)
        if keys and search.record.id is not None:
            summaries += await search_store.load_permitted(connection, search.record.id, caller, keys, page)
    if query.start.care_on is None:
        summaries.sort(key=lambda summary: summary.id, reverse=True)
    else:
        summaries.sort(key=lambda summary: (summary.care_on or date.min, summary.id), reverse=True)
    return summaries[: page.limit]


async def open_listed(
    connection: Connection,
    context: ReadContext,
    permit: Permit,
    caller: Caller,
    searches: Iterable[RecordSearch],
    summaries: Sequence[DocumentSummary],
) -> list[ListedDocument]:
    """Returns these documents with their opened metadata; those that were erased in the meantime are left out."""
    metadata: dict[UUID, DocumentMetadata] = {}
    for record_id in {summary.record_id for summary in summaries}:
        ids = [summary.id for summary in summaries if summary.record_id == record_id]
        sealed = await contents.list_metadata(connection, permit, record_id, ids)
        if not sealed:  # the record was erased in the meantime
            continue
        key = context.vault.unwrap(record_id, next(iter(sealed.values())).key)
        metadata |= await in_thread_if_large(len(sealed) * AS_BYTES, _open_all, key, sealed)
    notices: Mapping[UUID | None, Mapping[FactCombination, tuple[str, ...]]] = {
        search.record.id: search.notices() for search in searches
    }
    return [
        ListedDocument(
            summary, metadata[summary.id], notices[summary.record_id].get(combination_of(summary, caller), ())
        )
        for summary in summaries
        if summary.id in metadata
    ]


def _open_all(key: bytes, sealed: Mapping[UUID, SealedDocument]) -> dict[UUID, DocumentMetadata]:
    return {id: sealed_contents.open_metadata(key, id, document.metadata) for id, document in sealed.items()}
