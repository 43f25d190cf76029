"""Shows a record's history of reimbursements: decides and announces under the fence, then reads the lines."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.copies.store import reads
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event, require_permit
from services.records.facts.domain.facts import FactCombination, document_facts, request_facts
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from services.records.reimbursements.domain.history import HistoryPage, HistoryQuery, StoredCare, months_of, page_of
from services.records.reimbursements.domain.retention import oldest_day
from services.records.reimbursements.domain.sealed_lines import open_care
from services.records.reimbursements.store import history as store
from shared.access import Facts, Permit, Refusal, decide
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.terminology.visibility import Confidentiality

ACTION: Final = "read-reimbursements"
HISTORY: Final = FactCombination(
    status="published",
    type="REMB",
    class_code="60",
    section="REMB",
    labels=frozenset({Confidentiality.NORMAL.value}),
    masked_by=None,
    shown_to_representatives=False,
    deposited_by="insurance",
    in_secret=False,
    is_own=False,
)
"""The history as the rules see it: like a document of type REMB, hidden with that section."""


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """`months`: how long lines are kept and shown."""

    months: int


@dataclass(frozen=True, slots=True)
class HistoryView:
    """A page of the history, and the notices for its reader."""

    page: HistoryPage
    notices: tuple[str, ...]


@retry_while_locked
async def read_history(
    context: ReadContext, rules: HistoryRules, caller: Caller, record_id: UUID, query: HistoryQuery
) -> HistoryView:
    """Returns a page of the history if the rules permit. Raises NotFoundError, ForbiddenError, UncheckableError."""
    today = clock.now().date()
    oldest = oldest_day(today, rules.months)
    async with context.pool.acquire() as connection:
        async with reads.read_locked(connection):
            facts, decision = await _decide(context, connection, caller, record_id)
        permit = require_permit(decision)
        lines = await _open(context, connection, permit, record_id, query, oldest, today)
    return HistoryView(page_of(lines, query, facts, oldest), permit.notices)


async def _decide(
    context: ReadContext, connection: Connection, caller: Caller, record_id: UUID
) -> tuple[Facts, Permit | Refusal]:
    """Takes the fence, lets the rules decide, and records the access for the ledger."""
    fenced = await reads.fence_by_id(connection, record_id)
    record: RecordContext = await reads.load_context(connection, context.matrices, fenced, record_id.int)
    common = request_facts(caller, ACTION, record, now=clock.now(), rules=context.rules)
    facts = document_facts(common, caller, record, HISTORY)
    decision = decide(facts)
    if isinstance(decision, Refusal):
        REFUSED.labels(ACTION, decision.reason).inc()
    access = access_event(caller, ACTION, RuleDecision(facts, decision), record)
    if access is not None:
        await append(connection, [announce(access)])
    return facts, decision


async def _open(
    context: ReadContext,
    connection: Connection,
    permit: Permit,
    record_id: UUID,
    query: HistoryQuery,
    oldest: date,
    today: date,
) -> list[StoredCare]:
    months = months_of(query, oldest, today + timedelta(days=1))
    sealed = await store.read_history(connection, permit, record_id, months, query.kind)
    if sealed is None:
        return []
    key = context.vault.unwrap(record_id, sealed.data_key)
    return [StoredCare(line.key, open_care(key, record_id, line.key, line.version, line.care)) for line in sealed.lines]
