"""Lists the documents of a record that the rules permit to the caller.

The rules decide once for each combination of facts that the record's documents have; the documents with a permitted
combination are listed. If a person has two linked records, both are searched, each under its own rights.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.copies.store import reads as store
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.metadata import DocumentMetadata
from services.records.documents.domain.search import RecordSearch, first_permit, search_record
from services.records.documents.store import contents
from services.records.documents.store import search as search_store
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import FactCombination, combination_of, request_facts
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from shared.access import Permit, Refusal
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

LAST_ID = UUID(int=(1 << 128) - 1)
CURRENT = frozenset({"current"})


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """A search: the record by its id or its INS fingerprints, the page, and the statuses of DocumentReference.

    `count` 0: only the total is wanted.
    """

    record_id: UUID | None
    ins_fingerprints: tuple[str, ...]
    count: int
    before: UUID = LAST_ID
    statuses: frozenset[str] = CURRENT

    @property
    def decoy_seed(self) -> int:
        """A number derived from the record's identification, so that a decoy is stable for it."""
        return self.record_id.int if self.record_id else int(self.ins_fingerprints[0].rpartition(".")[2][:8], 16)


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document that may be listed, and the notices for its reader."""

    summary: DocumentSummary
    metadata: DocumentMetadata
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A page of documents, newest first. `after`: where the next page begins; None on the last. `total`: the number of
    documents on all pages.

    `record_id` is None where the existence of the record must not be disclosed.
    """

    record_id: UUID | None
    documents: tuple[ListedDocument, ...]
    after: UUID | None = None
    total: int = 0


@retry_while_locked
async def find_documents(context: ReadContext, caller: Caller, query: DocumentQuery) -> DocumentPage:
    """Returns a page of documents; empty for an unknown record, and for one whose existence is hidden.

    Raises ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            searches = [
                await _search(connection, caller, record, context, clock.now())
                for record in await _records(context, connection, query)
            ]
            summaries = await _list_permitted(connection, caller, searches, query) if query.count else []
            await _trace(connection, caller, searches)
        try:
            permit = first_permit(searches)
        except NotFoundError:
            return DocumentPage(None, ())
        listed = summaries[: query.count]
        documents = await _open(connection, context, permit, caller, searches, listed)
    after = listed[-1].id if len(summaries) > query.count else None
    total = sum(search.total(query.statuses) for search in searches)
    return DocumentPage(searches[0].record.id, documents, after, total)


async def _records(context: ReadContext, connection: Connection, query: DocumentQuery) -> list[RecordContext]:
    """Returns the facts of the requested record, and of the person's other record."""
    if query.record_id is not None:
        record_id = await store.fence_by_id(connection, query.record_id)
    else:
        record_id = await store.fence_by_ins(connection, query.ins_fingerprints)
    records = [await store.load_context(connection, context.matrices, record_id, query.decoy_seed)]
    if records[0].linked_to is not None:
        records.append(await store.load_context(connection, context.matrices, records[0].linked_to, query.decoy_seed))
    return records


async def _search(
    connection: Connection, caller: Caller, record: RecordContext, context: ReadContext, now: datetime
) -> RecordSearch:
    common = request_facts(caller, "find", record, now=now, rules=context.rules)
    if record.id is None:
        return search_record(common, caller, record, {})
    combinations = await search_store.load_combinations(connection, record.id, caller)
    return replace(search_record(common, caller, record, combinations.facts), counts=combinations.counts)


async def _list_permitted(
    connection: Connection, caller: Caller, searches: Iterable[RecordSearch], query: DocumentQuery
) -> list[DocumentSummary]:
    """Returns the documents of the page, newest first, plus one more if another page follows."""
    summaries: list[DocumentSummary] = []
    for search in searches:
        keys = search.listed(query.statuses)
        if keys and search.record.id is not None:
            summaries += await search_store.load_permitted(
                connection, search.record.id, caller, keys, query.before, query.count + 1
            )
    return sorted(summaries, key=lambda summary: summary.id, reverse=True)[: query.count + 1]


async def _trace(connection: Connection, caller: Caller, searches: Iterable[RecordSearch]) -> None:
    accesses = []
    for search in searches:
        if isinstance(search.decision, Refusal):
            REFUSED.labels("find-documents", search.decision.reason).inc()
        combinations = [decided.recorded for decided in search.decisions.values()]
        rule_decision = RuleDecision(search.common, search.decision)
        accesses.append(access_event(caller, "find-documents", rule_decision, search.record, None, combinations))
    await append(connection, [announce(access.packed()) for access in accesses if access is not None])


async def _open(
    connection: Connection,
    context: ReadContext,
    permit: Permit,
    caller: Caller,
    searches: Iterable[RecordSearch],
    summaries: list[DocumentSummary],
) -> tuple[ListedDocument, ...]:
    metadata: dict[UUID, DocumentMetadata] = {}
    for record_id in {summary.record_id for summary in summaries}:
        ids = [summary.id for summary in summaries if summary.record_id == record_id]
        sealed = await contents.list_metadata(connection, permit, record_id, ids)
        if not sealed:  # the record was erased in the meantime
            continue
        key = context.vault.unwrap(record_id, next(iter(sealed.values())).key)
        metadata |= {id: sealed_contents.open_metadata(key, id, document.metadata) for id, document in sealed.items()}
    notices: Mapping[UUID | None, Mapping[FactCombination, tuple[str, ...]]] = {
        search.record.id: search.notices() for search in searches
    }
    return tuple(
        ListedDocument(
            summary, metadata[summary.id], notices[summary.record_id].get(combination_of(summary, caller), ())
        )
        for summary in summaries
        if summary.id in metadata
    )
