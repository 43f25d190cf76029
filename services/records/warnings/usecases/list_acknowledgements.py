"""Lists the warnings that professionals acknowledged, for the patient side and for professionals who may read."""

from dataclasses import replace
from uuid import UUID

from services.records.clinical_facts.steps.readable_facts import ALL_SOURCES, EVERY_VERSION
from services.records.clinical_facts.store.readable import list_sources
from services.records.copies.store.reads import read_locked
from services.records.documents.domain.filters import NO_FILTERS
from services.records.documents.domain.search import first_permit
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.warnings.domain.acknowledgements import StoredAcknowledgement
from services.records.warnings.steps.acknowledged import open_acknowledged
from services.records.warnings.steps.record_reading import decide_record
from shared.http.tokens import Caller


@retry_while_locked
async def list_acknowledgements(context: ReadContext, caller: Caller, record_id: UUID) -> list[StoredAcknowledgement]:
    """Returns the acknowledgements, newest first, of the documents that the caller may see, in any version.

    Traced as a reading of the summary sheet. Raises NotFoundError, ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with read_locked(connection):
            decided = await decide_record(connection, context, caller, record_id)
            versions = []
            for search in decided.searches:
                keys = search.listed(EVERY_VERSION, NO_FILTERS)
                if keys and search.record.id is not None:
                    versions += await list_sources(connection, search.record.id, caller, keys, ALL_SOURCES)
        permit = first_permit(decided.searches)
        return await open_acknowledged(connection, context, permit, replace(decided, documents=versions))
