"""Lists the facts of a record that a caller may see: those of the documents that a search finds for this caller.

It is decided and traced as a search of documents: neither kinds nor codes nor values stand in the ledger. If a person
has two linked records, both are searched, each under its own rights.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.fact_filters import FactCursor, FactFilters
from services.records.clinical_facts.domain.readable import ReadableDocument, ReadableFacts, SourcedFact
from services.records.clinical_facts.steps.readable_facts import list_sources, open_facts
from services.records.clinical_facts.store.readable import SourceBounds
from services.records.copies.store import reads
from services.records.documents.domain.search import first_permit
from services.records.documents.steps.record_searches import RecordQuery, search_records, trace_searches
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from shared.errors import NotFoundError
from shared.http.tokens import Caller

MOST_OPENED: Final = 1000
"""Documents whose facts are opened for one page."""


@dataclass(frozen=True, slots=True)
class FactQuery:
    """A search for facts in a record. `document`: only this version of a document, which may be superseded."""

    record: RecordQuery
    filters: FactFilters = field(default_factory=FactFilters)
    start: FactCursor = field(default_factory=FactCursor)
    count: int = 100
    document: UUID | None = None


@dataclass(frozen=True, slots=True)
class FactPage:
    """A page of facts, of documents newest first. `after`: where the next page begins; None on the last."""

    facts: tuple[SourcedFact, ...] = ()
    after: FactCursor | None = None


@retry_while_locked
async def find_facts(context: ReadContext, caller: Caller, query: FactQuery) -> FactPage:
    """Returns a page of facts; empty for an unknown record, and for one whose existence is hidden.

    Raises ForbiddenError, UncheckableError.
    """
    bounds = SourceBounds(query.start.document_id, MOST_OPENED + 1, query.document)
    async with context.pool.acquire() as connection:
        async with reads.read_locked(connection):
            searches = await search_records(connection, context, caller, query.record)
            sources = await list_sources(connection, caller, searches, bounds)
            await trace_searches(connection, caller, searches)
        try:
            permit = first_permit(searches)
        except NotFoundError:
            return FactPage()
        opened = sources[:MOST_OPENED]
        readable = await open_facts(connection, context, permit, opened, query.filters.groups)
    return _page(query, readable, sources[MOST_OPENED:])


def _page(query: FactQuery, readable: ReadableFacts, unopened: Sequence[ReadableDocument]) -> FactPage:
    """Returns the page. A position counts the facts of its document that match, so that filters must stay the same."""
    listed: list[SourcedFact] = []
    document, passed = query.start.document_id, 0
    for sourced in readable.facts:
        if not query.filters.admits(sourced.fact):
            continue
        if sourced.source.id != document:
            document, passed = sourced.source.id, 0
        passed += 1
        if document == query.start.document_id and passed <= query.start.passed:
            continue
        if len(listed) == query.count:
            return FactPage(tuple(listed), FactCursor(document, passed - 1))
        listed.append(sourced)
    after = FactCursor(unopened[0].id) if unopened else None
    return FactPage(tuple(listed), after)
