"""Reads all facts of a record that a caller may see, by groups: for sheets, results, warnings and certificates."""

from collections.abc import Collection

from services.records.clinical_facts.domain.model import FactGroup
from services.records.clinical_facts.domain.readable import ReadableFacts
from services.records.clinical_facts.steps.readable_facts import list_sources, open_facts
from services.records.copies.store import reads
from services.records.documents.domain.search import first_permit
from services.records.documents.steps.record_searches import RecordQuery, search_records, trace_searches
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from shared.errors import NotFoundError
from shared.http.tokens import Caller


@retry_while_locked
async def read_facts(
    context: ReadContext, caller: Caller, record: RecordQuery, groups: Collection[FactGroup]
) -> ReadableFacts:
    """Returns the facts of current documents, decided and traced as a search.

    Nothing for an unknown record, and for one whose existence is hidden. Raises ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with reads.read_locked(connection):
            searches = await search_records(connection, context, caller, record)
            sources = await list_sources(connection, caller, searches)
            await trace_searches(connection, caller, searches)
        try:
            permit = first_permit(searches)
        except NotFoundError:
            return ReadableFacts(None)
        return await open_facts(connection, context, permit, sources, groups)
