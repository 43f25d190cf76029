"""Shows the rubrics of a record, with the numbers of documents that the caller may see.

It decides and traces as a search does. Showing it counts as the reader's look at the record: in the next session, what
was published since is new.
"""

from services.records.copies.store.reads import read_locked
from services.records.documents.domain.overview import RecordOverview, overview_of
from services.records.documents.domain.search import first_permit, is_permitted
from services.records.documents.steps.record_searches import RecordQuery, load_records, search_one, trace_searches
from services.records.documents.store import visits
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.kit.metrics import UNKNOWN_SECTIONS
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.runtime import clock


@retry_while_locked
async def show_overview(context: ReadContext, caller: Caller, query: RecordQuery) -> RecordOverview:
    """Returns the overview; empty for an unknown record, and for one whose existence is hidden.

    Raises ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection, read_locked(connection):
        records = await load_records(connection, context, query)
        requested, since = records[0].id, None
        if requested is not None and caller.session_id is not None:
            since = await visits.load_previous_visit(connection, requested, caller.id, caller.session_id)
        searches = [await search_one(connection, context, caller, record, since=since) for record in records]
        if requested is not None and caller.session_id is not None and is_permitted(searches):
            await visits.store_visit(connection, requested, caller.id, caller.session_id, clock.now())
        await trace_searches(connection, caller, searches)
    try:
        first_permit(searches)
    except NotFoundError:
        return overview_of([], None)
    overview = overview_of(searches, since)
    UNKNOWN_SECTIONS.inc(overview.unknown_sections)
    return overview
