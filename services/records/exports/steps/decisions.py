"""Decides on a copy of a record and of each document in it, and announces what was decided, under the fence."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.records.documents.domain.search import RecordSearch
from services.records.documents.steps.record_searches import RecordQuery, load_records, search_one
from services.records.documents.store import search as store
from services.records.exports.domain.exports import Export
from services.records.facts.context import ReadContext
from services.records.facts.domain.citations import unchecked
from services.records.facts.domain.decisions import RuleDecision, access_event
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import FactCombination, combination_of, policy_for, with_document
from services.records.kit.announcements import announce
from shared.access import Permit, Refusal
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime.metrics import REFUSED

ACTION: Final = "export-record"


@dataclass(frozen=True, slots=True)
class ExportDecision:
    """The decisions on a copy: for each record whether the caller gets one, and which documents."""

    caller: Caller
    searches: Sequence[RecordSearch]

    @property
    def decision(self) -> Permit | Refusal:
        """The permission of the first record that permits; else the refusal of the one that was asked for."""
        decisions = [search.decision for search in self.searches]
        return next((decision for decision in decisions if isinstance(decision, Permit)), decisions[0])

    @property
    def records(self) -> tuple[UUID, ...]:
        """The records that permit."""
        permitting = (search.record.id for search in self.searches if isinstance(search.decision, Permit))
        return tuple(id for id in permitting if id is not None)

    @property
    def total(self) -> int:
        """How many documents the caller may have."""
        return sum(search.sizes[key].documents for search in self.searches for key in search.permitted)


def caller_of(export: Export) -> Caller:
    """Returns the person for whom a copy is prepared, as the caller who began it."""
    return Caller(export.requester_kind, export.requester_id, export.client_id, frozenset(), record_id=export.acts_in)


async def decide_export(
    connection: Connection,
    context: ReadContext,
    caller: Caller,
    record_id: UUID,
    records: Collection[UUID] | None = None,
) -> ExportDecision:
    """Takes the fences, and lets the rules decide. `records`: of these records alone, if they are still linked."""
    contexts = await load_records(connection, context, RecordQuery(record_id))
    searches = [
        await search_one(connection, context, caller, record, action="export")
        for place, record in enumerate(contexts)
        if records is None or place == 0 or record.id in records
    ]
    return ExportDecision(caller, searches)


async def count_permitted(connection: Connection, decided: ExportDecision, ids: Sequence[UUID]) -> int:
    """Returns how many of these documents the caller may still have."""
    counted = 0
    for search in decided.searches:
        if search.record.id is not None and search.permitted:
            counted += await store.count_permitted_among(
                connection, search.record.id, decided.caller, search.permitted, ids
            )
    return counted


async def announce_export(connection: Connection, decided: ExportDecision) -> None:
    """Announces to the ledger of each record that its copy was begun, fetched or refused; last in a transaction."""
    if isinstance(decided.decision, Refusal):
        REFUSED.labels(ACTION, decided.decision.reason).inc()
    events = [
        access_event(decided.caller, ACTION, RuleDecision(search.common, search.decision), search.record)
        for search in decided.searches
    ]
    await append(connection, [announce(event) for event in events if event is not None])


async def announce_documents(
    connection: Connection, decided: ExportDecision, summaries: Sequence[DocumentSummary]
) -> None:
    """Announces that each of these permitted documents is read for a copy; last in a transaction."""
    searches = {search.record.id: (search, _permitted(search)) for search in decided.searches}
    events: list[AccessRecorded | None] = []
    for summary in summaries:
        search, permitted = searches[summary.record_id]
        combination, decision = permitted[combination_of(summary, decided.caller)]
        facts = with_document(search.common, combination, policy_for(decided.caller, search.record, combination))
        rule_decision = RuleDecision(facts, decision)
        events.append(access_event(decided.caller, ACTION, rule_decision, search.record, summary.id))
    await append(connection, [announce(event) for event in events if event is not None])


def _permitted(search: RecordSearch) -> dict[FactCombination, tuple[FactCombination, Permit | Refusal]]:
    """Returns the permitted combinations as they are before what a summary sheet cites is checked -> the combination on
    which the rules decided, and their decision."""
    return {
        unchecked(search.combinations[key]): (search.combinations[key], search.decisions[key].decision)
        for key in search.permitted
    }
