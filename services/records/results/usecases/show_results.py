"""Shows the results of a record over time: of all analyses, or the lines of one of them.

It decides and traces as a search does: neither analyses nor values stand in the ledger.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.model import FactGroup
from services.records.clinical_facts.domain.readable import ReadableDocument, SourcedFact
from services.records.clinical_facts.steps.readable_facts import list_sources, open_facts
from services.records.copies.store import reads
from services.records.documents.domain.sealed_contents import DocumentTitle, open_title
from services.records.documents.domain.search import first_permit
from services.records.documents.steps.record_searches import RecordQuery, search_records, trace_searches
from services.records.documents.store import contents
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.results.domain.points import Analysis, ReadableResult, ResultSource, analysis_of
from services.records.results.domain.series import AnalysisResults, results_by_analysis
from shared.access import Permit
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller

MOST_TITLES: Final = 1000
"""Documents whose titles are opened for the lines of an analysis; the newest ones."""
_GROUPS: Final[tuple[FactGroup, ...]] = ("results",)


@dataclass(frozen=True, slots=True)
class ResultQuery:
    """Which results: of one analysis, or of all; of a period, by the first day that their time may mean.

    Without a period results of unknown time are among them.
    """

    record: RecordQuery
    analysis: Analysis | None = None
    first: date | None = None
    last: date | None = None

    def takes(self, sourced: SourcedFact) -> bool:
        """Whether a fact is one of the results."""
        time = sourced.fact.time
        day = (time.first if time is not None else None) or ""
        is_of_period = (self.first is None or day >= self.first.isoformat()[: len(day) or None]) and (
            self.last is None or "" < day <= f"{self.last.isoformat()}T99"
        )
        return is_of_period and (self.analysis is None or analysis_of(sourced.fact) == self.analysis)


@retry_while_locked
async def show_results(context: ReadContext, caller: Caller, query: ResultQuery) -> list[AnalysisResults]:
    """Returns the analyses, that with the newest result first; none for an unknown record, and for one whose existence
    is hidden. Raises ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with reads.read_locked(connection):
            searches = await search_records(connection, context, caller, query.record)
            documents = await list_sources(connection, caller, searches)
            await trace_searches(connection, caller, searches)
        try:
            permit = first_permit(searches)
        except NotFoundError:
            return []
        readable = await open_facts(connection, context, permit, documents, _GROUPS)
        facts = [sourced for sourced in readable.facts if query.takes(sourced)]
        titles: dict[UUID, DocumentTitle] = {}
        if query.analysis is not None:
            titles = await _titles(connection, context, permit, [sourced.source for sourced in facts])
    return results_by_analysis(_result(sourced, titles.get(sourced.source.id)) for sourced in facts)


async def _titles(
    connection: Connection, context: ReadContext, permit: Permit, documents: Iterable[ReadableDocument]
) -> dict[UUID, DocumentTitle]:
    by_record: dict[UUID, list[UUID]] = {}
    for document in list({document.id: document for document in documents}.values())[:MOST_TITLES]:
        by_record.setdefault(document.record_id, []).append(document.id)
    titles: dict[UUID, DocumentTitle] = {}
    for record_id, ids in by_record.items():
        sealed = await contents.list_metadata(connection, permit, record_id, ids)
        if sealed:
            key = context.vault.unwrap(record_id, next(iter(sealed.values())).key)
            titles |= {id: open_title(key, id, document.metadata) for id, document in sealed.items()}
    return titles


def _result(sourced: SourcedFact, title: DocumentTitle | None) -> ReadableResult:
    document = sourced.source
    author = title.first_author if title is not None else None
    source = ResultSource(
        document.id,
        title.title if title is not None else None,
        document.organisation_id,
        author.organisation_name if author is not None else None,
        document.care_on,
    )
    return ReadableResult(sourced.fact, source)
