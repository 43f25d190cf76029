"""Decides on a record as on its summary sheet, traces that with the sources, and opens their facts after the commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.model import FactGroup
from services.records.clinical_facts.domain.readable import ReadableDocument
from services.records.clinical_facts.steps.readable_facts import list_sources, open_facts
from services.records.documents.domain.filters import NO_FILTERS
from services.records.documents.domain.sealed_contents import open_content, open_metadata
from services.records.documents.domain.search import RecordSearch
from services.records.documents.steps.record_searches import RecordQuery, load_records, search_one, trace_searches
from services.records.documents.store import contents
from services.records.documents.store.search import sheet_of
from services.records.facts.context import ReadContext
from services.records.statements.domain.statements import STATEMENTS_TYPE, read_statements
from services.records.summary.store import sources as sheet_sources
from services.records.warnings.domain.record_facts import (
    UnreadCounts,
    counts_of,
    facts_of,
    facts_of_profile,
    is_profile,
)
from services.records.warnings.domain.warnings import RecordFact
from shared.access import Permit
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller

_CURRENT: Final = frozenset({"current"})
_GROUPS: Final[tuple[FactGroup, ...]] = ("summary", "results")
_HAS_FACTS: Final = frozenset({"read", "in-part"})


@dataclass(frozen=True, slots=True)
class DecidedRecord:
    """The decisions on a record, and on the person's other record, and the documents that the caller may see."""

    searches: Sequence[RecordSearch]
    documents: Sequence[ReadableDocument]

    def search_of(self, record_id: UUID) -> RecordSearch:
        """Returns the decisions on one of the records."""
        return next(search for search in self.searches if search.record.id == record_id)


@dataclass(frozen=True, slots=True)
class OpenedFacts:
    """The facts of the record for the caller, and what was not looked at."""

    facts: Sequence[RecordFact]
    unread: UnreadCounts
    record_ids: dict[UUID, UUID]
    """The record of each document: the requested one, or the person's other one."""


async def decide_record(
    connection: Connection, context: ReadContext, caller: Caller, record_id: UUID, *, is_traced: bool = True
) -> DecidedRecord:
    """Takes the fences, decides as on a summary sheet and, unless it has been traced before, traces the reading."""
    records = await load_records(connection, context, RecordQuery(record_id))
    searches = [await search_one(connection, context, caller, record, action="read-summary") for record in records]
    documents = await list_sources(connection, caller, searches)
    if is_traced:
        looked_at = {each.id for each in documents if each.state in _HAS_FACTS or is_profile(each)}
        traced = [await _with_sources(connection, caller, search, looked_at) for search in searches]
        await trace_searches(connection, caller, traced, "read-summary")
    return DecidedRecord(searches, documents)


async def open_record(
    connection: Connection, context: ReadContext, permit: Permit, documents: Sequence[ReadableDocument]
) -> OpenedFacts:
    """Returns the facts of these documents, and what the patient side states in health profiles."""
    readable = await open_facts(connection, context, permit, documents, _GROUPS)
    profiles: dict[UUID, list[RecordFact]] = {}
    for document in documents:
        if is_profile(document):
            profiles[document.id] = await _open_profile(connection, context, permit, document)
    stated = [fact for facts in profiles.values() for fact in facts]
    read = [id for id, facts in profiles.items() if facts]
    return OpenedFacts(
        facts_of(readable, stated),
        counts_of(readable, read),
        {document.id: document.record_id for document in documents},
    )


async def _open_profile(
    connection: Connection, context: ReadContext, permit: Permit, document: ReadableDocument
) -> list[RecordFact]:
    """Returns what a document states; nothing where it is another one, such as a scan, which is not opened."""
    try:
        described = await contents.read_metadata(connection, permit, document.record_id, document.id)
        key = context.vault.unwrap(document.record_id, described.key)
        content_type = open_metadata(key, document.id, described.metadata).content_type
        if content_type != STATEMENTS_TYPE:
            return []
        sealed = await contents.read_content(connection, permit, document.record_id, document.id)
    except NotFoundError:  # the record was erased in the meantime
        return []
    statements = read_statements(open_content(key, document.id, sealed.content), content_type, document.deposited_by)
    return list(facts_of_profile(document, statements))


async def _with_sources(
    connection: Connection, caller: Caller, search: RecordSearch, looked_at: Iterable[UUID]
) -> RecordSearch:
    """Returns the search with the documents that are looked at, by the key of their combination."""
    keys = search.listed(_CURRENT, NO_FILTERS)
    if not keys or search.record.id is None:
        return search
    listed = await sheet_sources.list_sources(connection, search.record.id, caller, keys)
    by_document = {each.id: each.key for each in listed} | {
        version: key for key in keys if (version := sheet_of(key)) is not None
    }
    sources: dict[str, list[UUID]] = {}
    for id in looked_at:
        if id in by_document:
            sources.setdefault(by_document[id], []).append(id)
    return replace(search, sources={key: tuple(sorted(ids)) for key, ids in sources.items()})
