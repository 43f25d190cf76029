"""Decides whether a caller may enter, correct or delete a measure, and makes the event for the ledger."""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.copies.store import reads
from services.records.deposits.domain.submissions import RecordClosedError
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event, error_for
from services.records.facts.domain.documents import DepositorKind
from services.records.facts.domain.facts import FactCombination, document_facts, request_facts
from services.records.measures.domain.combinations import MEASURE_TYPE
from shared.access import Facts, Refusal, decide
from shared.access.personal_space import may_keep_entries
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection
from shared.errors import ClientError, ForbiddenError
from shared.http.tokens import Caller
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.terminology.documents import document_types

EntryAction = Literal["add-measure", "correct-measure", "delete-measure"]
_RULES: dict[EntryAction, str] = {"add-measure": "deposit", "correct-measure": "replace", "delete-measure": "delete"}
"""Action of the ledger -> action of the rules."""


@dataclass(frozen=True, slots=True)
class EntryDecision:
    """The event of an entry for the ledger, and the error of a refusal."""

    access: AccessRecorded | None
    refusal: ClientError | None = None


def depositor_kind(caller: Caller) -> DepositorKind:
    """Returns on whose behalf the caller enters measures. Raises ForbiddenError for all but the patient side."""
    if not may_keep_entries(caller.kind):
        raise ForbiddenError("Measures are entered by patients, their representatives and carers.")
    kinds: dict[str, DepositorKind] = {"representative": "representative", "carer": "carer"}
    return kinds.get(caller.kind, "patient")


async def load_locked_record(context: ReadContext, connection: Connection, record_id: UUID | None) -> RecordContext:
    """Takes the fence of the record and returns what is known of it here."""
    fenced = None if record_id is None else await reads.fence_by_id(connection, record_id)
    return await reads.load_context(connection, context.matrices, fenced, 0 if record_id is None else record_id.int)


def decide_entry(
    context: ReadContext,
    caller: Caller,
    record: RecordContext,
    action: EntryAction,
    measure: FactCombination | None,
    labels: frozenset[str] = frozenset(),
) -> EntryDecision:
    """Returns the decision. `measure`: the facts of the one that is corrected or deleted; `labels`: those asked for."""
    facts = _facts(context, caller, record, action, measure, labels)
    decision = decide(facts)
    access = access_event(caller, action, RuleDecision(facts, decision), record)
    if not isinstance(decision, Refusal):
        return EntryDecision(access)
    REFUSED.labels(action, decision.reason).inc()
    is_closed = decision.reason == "record-closed" and facts.relation == "holder"
    return EntryDecision(access, RecordClosedError() if is_closed else error_for(decision))


def _facts(
    context: ReadContext,
    caller: Caller,
    record: RecordContext,
    action: EntryAction,
    measure: FactCombination | None,
    labels: frozenset[str],
) -> Facts:
    common = request_facts(caller, _RULES[action], record, now=clock.now(), rules=context.rules)
    if measure is not None:
        common = document_facts(common, caller, record, measure)
    match action:
        case "add-measure":
            kind = document_types()[MEASURE_TYPE]
            common = replace(common, document_type=kind.code, class_code=kind.class_code, section=kind.section)
            return replace(common, labels_asked=labels)
        case "correct-measure":
            return replace(common, labels_asked=labels, type_asked=MEASURE_TYPE)
        case _:
            return common
