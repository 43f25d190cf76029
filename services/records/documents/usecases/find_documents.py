"""Lists the documents of a record that the rules permit to the caller.

The rules decide once for each combination of facts that the record's documents have; the documents with a permitted
combination are listed. If a person has two linked records, both are searched, each under its own rights. Filters on
what is sealed look at a limited number of documents for a page; the page then tells where the next one begins.
"""

from services.records.copies.store import reads as store
from services.records.documents.domain.search import first_permit
from services.records.documents.steps.document_lists import (
    DocumentPage,
    DocumentQuery,
    list_permitted,
    open_listed,
    page_of,
)
from services.records.documents.steps.record_searches import search_records, trace_searches
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from shared.errors import NotFoundError
from shared.http.tokens import Caller


@retry_while_locked
async def find_documents(context: ReadContext, caller: Caller, query: DocumentQuery) -> DocumentPage:
    """Returns a page of documents; empty for an unknown record, and for one whose existence is hidden.

    Raises ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            searches = await search_records(connection, context, caller, query.record, query.filters.period)
            summaries = await list_permitted(connection, caller, searches, query) if query.count else []
            await trace_searches(connection, caller, searches)
        try:
            permit = first_permit(searches)
        except NotFoundError:
            return DocumentPage(None, ())
        looked_at = summaries[: query.most_listed]
        documents = await open_listed(connection, context, permit, caller, searches, looked_at)
    return page_of(query, searches, summaries, documents)
