"""Opens a record's history for a reader: decides and announces under the fence, then reads the lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from services.records.copies.store import reads
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event, require_permit
from services.records.facts.domain.facts import FactCombination, document_facts, request_facts
from services.records.kit.announcements import announce
from services.records.reimbursements.domain.history import HistoryQuery, StoredCare, months_of, visible_lines
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
class OpenedHistory:
    """The lines that the caller may learn of, newest care first, and what the decision rested on.

    `kept_from`: the first day of care that is kept.
    """

    lines: Sequence[StoredCare]
    facts: Facts
    permit: Permit
    kept_from: date


async def open_history(
    context: ReadContext, rules: HistoryRules, caller: Caller, record_id: UUID, query: HistoryQuery
) -> OpenedHistory:
    """Returns the history if the rules permit. Raises NotFoundError, ForbiddenError, UncheckableError."""
    today = clock.now().date()
    oldest = oldest_day(today, rules.months)
    async with context.pool.acquire() as connection:
        async with reads.read_locked(connection):
            facts, decision = await _decide(context, connection, caller, record_id)
        permit = require_permit(decision)
        months = months_of(query, oldest, today + timedelta(days=1))
        sealed = await store.read_history(connection, permit, record_id, months, query.kind)
    if sealed is None:
        return OpenedHistory((), facts, permit, oldest)
    key = context.vault.unwrap(record_id, sealed.data_key)
    lines = [
        StoredCare(line.key, open_care(key, record_id, line.key, line.version, line.care)) for line in sealed.lines
    ]
    return OpenedHistory(visible_lines(lines, query, facts, oldest), facts, permit, oldest)


async def _decide(
    context: ReadContext, connection: Connection, caller: Caller, record_id: UUID
) -> tuple[Facts, Permit | Refusal]:
    """Takes the fence, lets the rules decide, and records the access for the ledger."""
    fenced = await reads.fence_by_id(connection, record_id)
    record = await reads.load_context(connection, context.matrices, fenced, record_id.int)
    common = request_facts(caller, ACTION, record, now=clock.now(), rules=context.rules)
    facts = document_facts(common, caller, record, HISTORY)
    decision = decide(facts)
    if isinstance(decision, Refusal):
        REFUSED.labels(ACTION, decision.reason).inc()
    access = access_event(caller, ACTION, RuleDecision(facts, decision), record)
    if access is not None:
        await append(connection, [announce(access)])
    return facts, decision
