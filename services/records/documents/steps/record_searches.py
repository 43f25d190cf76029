"""Searches a record and the person's other record, and traces the searches: a part of the transaction of every list."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.copies.store import reads
from services.records.documents.domain.filters import EVER, CarePeriod
from services.records.documents.domain.search import RecordSearch, search_record
from services.records.documents.store import search as store
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import ReadAction, RuleDecision, access_event
from services.records.facts.domain.facts import request_facts
from services.records.kit.announcements import announce
from shared.access import Refusal
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

SearchAction = Literal["find", "export", "certify", "read-summary"]
"""The actions of the rules that are decided for the record and then for each of its documents."""


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """The record that a request is about: by its id, or by the fingerprints of the person's INS."""

    id: UUID | None
    ins_fingerprints: tuple[str, ...] = ()

    @property
    def decoy_seed(self) -> int:
        """A number derived from the record's identification, so that a decoy is stable for it."""
        return self.id.int if self.id else int(self.ins_fingerprints[0].rpartition(".")[2][:8], 16)


async def load_records(connection: Connection, context: ReadContext, query: RecordQuery) -> list[RecordContext]:
    """Takes the fences and returns the facts of the requested record, and of the person's other record."""
    if query.id is not None:
        record_id = await reads.fence_by_id(connection, query.id)
    else:
        record_id = await reads.fence_by_ins(connection, query.ins_fingerprints)
    records = [await reads.load_context(connection, context.matrices, record_id, query.decoy_seed)]
    if records[0].linked_to is not None:
        records.append(await reads.load_context(connection, context.matrices, records[0].linked_to, query.decoy_seed))
    return records


async def search_records(
    connection: Connection,
    context: ReadContext,
    caller: Caller,
    query: RecordQuery,
    period: CarePeriod = EVER,
) -> list[RecordSearch]:
    """Returns the decisions on a search in the requested record, and in the person's other record."""
    records = await load_records(connection, context, query)
    return [await search_one(connection, context, caller, record, period) for record in records]


async def search_one(
    connection: Connection,
    context: ReadContext,
    caller: Caller,
    record: RecordContext,
    period: CarePeriod = EVER,
    since: datetime | None = None,
    action: SearchAction = "find",
) -> RecordSearch:
    """Returns the decisions on a search in one record; `since`: what was published after it counts as new. `action`:
    what the rules decide on."""
    common = request_facts(caller, action, record, now=clock.now(), rules=context.rules)
    if record.id is None:
        return search_record(common, caller, record, {})
    combinations = await store.load_combinations(connection, record.id, caller, period, since)
    search = search_record(common, caller, record, combinations.facts, combinations.cited)
    return replace(search, sizes=combinations.sizes)


async def trace_searches(
    connection: Connection,
    caller: Caller,
    searches: Iterable[RecordSearch],
    action: ReadAction = "find-documents",
) -> None:
    """Announces the searches to the ledger; called last in the transaction."""
    await append(connection, [announce(access) for access in search_accesses(caller, searches, action)])


def search_accesses(
    caller: Caller, searches: Iterable[RecordSearch], action: ReadAction = "find-documents"
) -> list[AccessRecorded]:
    """Returns the events of the searches for the ledger, and counts the refused ones."""
    accesses = []
    for search in searches:
        if isinstance(search.decision, Refusal):
            REFUSED.labels(action, search.decision.reason).inc()
        combinations = [
            decided.recorded.model_copy(update={"sources": search.sources[key]})
            if key in search.sources
            else decided.recorded
            for key, decided in search.decisions.items()
        ]
        rule_decision = RuleDecision(search.common, search.decision)
        accesses.append(access_event(caller, action, rule_decision, search.record, None, combinations))
    return [access.packed() for access in accesses if access is not None]
