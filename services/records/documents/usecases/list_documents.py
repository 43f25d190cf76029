"""Shows a person the documents of a record: the numbers of its rubrics, and a page of documents, as one search.

It stands in the ledger as the one search that it is, and counts as the reader's look at the record.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.records.copies.store import reads as store
from services.records.documents.domain.overview import RecordOverview, overview_of
from services.records.documents.domain.search import first_permit, is_permitted
from services.records.documents.steps.document_lists import (
    DocumentPage,
    DocumentQuery,
    list_permitted,
    open_listed,
    page_of,
)
from services.records.documents.steps.record_searches import load_records, search_one, trace_searches
from services.records.documents.store import visits
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.kit.metrics import UNKNOWN_SECTIONS
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.runtime import clock

NOTHING = overview_of([], None)


@dataclass(frozen=True, slots=True)
class DocumentsShown:
    """The rubrics of a record and a page of its documents, of the same moment."""

    overview: RecordOverview
    page: DocumentPage


@retry_while_locked
async def list_documents(context: ReadContext, caller: Caller, query: DocumentQuery) -> DocumentsShown:
    """Returns the rubrics and a page; empty for an unknown record, and for one whose existence is hidden.

    The numbers are those of the query's period. Raises ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            records = await load_records(connection, context, query.record)
            requested = records[0].id
            since = await _previous_visit(connection, caller, requested)
            searches = [
                await search_one(connection, context, caller, record, query.filters.period, since) for record in records
            ]
            if requested is not None and caller.session_id is not None and is_permitted(searches):
                await visits.store_visit(connection, requested, caller.id, caller.session_id, clock.now())
            summaries = await list_permitted(connection, caller, searches, query)
            await trace_searches(connection, caller, searches)
        try:
            permit = first_permit(searches)
        except NotFoundError:
            return DocumentsShown(NOTHING, DocumentPage(None, ()))
        documents = await open_listed(connection, context, permit, caller, searches, summaries[: query.most_listed])
    overview = overview_of(searches, since)
    UNKNOWN_SECTIONS.inc(overview.unknown_sections)
    return DocumentsShown(overview, page_of(query, searches, summaries, documents))


async def _previous_visit(connection: Connection, caller: Caller, record_id: UUID | None) -> datetime | None:
    if record_id is None or caller.session_id is None:
        return None
    return await visits.load_previous_visit(connection, record_id, caller.id, caller.session_id)
