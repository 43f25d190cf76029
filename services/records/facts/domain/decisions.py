"""Turns a decision of the rules into the event for the ledger and the error for the caller."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.facts.domain.facts import Requester
from shared.access import Facts, Permit, Refusal, encode_facts
from shared.contracts.audit import AccessRecorded, Action, CombinationDecided, RecordedFacts
from shared.errors import ClientError, ForbiddenError, NotFoundError, UncheckableError
from shared.terminology.access_modes import EMERGENCY_MODES

ReadAction = Literal["read-document", "find-documents", "read-reimbursements", "read-summary"]


class RuleDecision(NamedTuple):
    """A decision of the access rules, and the facts on which it rests."""

    facts: Facts
    decision: Permit | Refusal


def access_event(
    requester: Requester,
    action: Action,
    rule_decision: RuleDecision,
    record: RecordContext,
    document_id: UUID | None = None,
    combinations: Sequence[CombinationDecided] = (),
) -> AccessRecorded | None:
    """Returns the event of an access for the ledger; None where there is no record.

    `combinations`: of a search, the decision on each combination of facts (`recorded_combination`).
    """
    if record.id is None:
        return None
    facts, decision = rule_decision
    emergency = requester.mode in EMERGENCY_MODES
    return AccessRecorded(
        record_id=record.id,
        actor=requester.actor(),
        mode=requester.mode,
        action=action,
        outcome=outcome_of(decision),
        reason=reason_of(decision),
        document_id=document_id,
        rules_version=decision.rules_version,
        state_version=record.choices_version,
        seen=record.seen_versions(requester.kind),
        facts=encode_facts(facts),
        combinations=tuple(combinations),
        matrix=record.matrix.name if record.matrix is not None and requester.kind == "professional" else None,
        motive=requester.motive if emergency else None,
        session_id=requester.session_id if emergency else None,
    )


def recorded_combination(common: Facts, rule_decision: RuleDecision) -> CombinationDecided:
    """Returns a decision on a combination for the ledger: its result, and the facts that the search itself lacks."""
    facts, decision = rule_decision
    common_facts = encode_facts(common)
    own_facts: RecordedFacts = {name: value for name, value in encode_facts(facts).items() if name not in common_facts}
    # These are codes of our own, which need no validation, and a search has many.
    return CombinationDecided.model_construct(facts=own_facts, outcome=outcome_of(decision), reason=reason_of(decision))


def outcome_of(decision: Permit | Refusal) -> Literal["permitted", "refused"]:
    """Returns the outcome in the ledger's codes."""
    return "permitted" if isinstance(decision, Permit) else "refused"


def reason_of(decision: Permit | Refusal) -> str:
    """Returns the rule that permitted, or the reason of the refusal."""
    return decision.rule if isinstance(decision, Permit) else decision.reason


_ADVICE: Final = {
    "search-not-permitted": (
        " Software reads its own deposits by their ids; a search needs the token of a person.",
        " Un logiciel lit ses propres dépôts par leur id ; une recherche demande le jeton d’une personne.",
    )
}
"""Reason of a refusal -> what to do, in English and French."""


def require_permit(decision: Permit | Refusal) -> Permit:
    """Returns the Permit. Raises UncheckableError, NotFoundError (hidden existence), ForbiddenError (the rest)."""
    if isinstance(decision, Permit):
        return decision
    raise error_for(decision)


def error_for(refusal: Refusal) -> ClientError:
    """Returns the error that `require_permit` raises, with the rule's code where it may be disclosed."""
    if refusal.retry:
        return UncheckableError()
    if refusal.hides_existence:
        return NotFoundError()
    english, french = _ADVICE.get(refusal.reason, ("", ""))
    error = ForbiddenError(f"The access rules do not permit this: {refusal.reason}.{english}")
    error.french = f"Les règles d’accès ne le permettent pas : {refusal.reason}.{french}"
    return error
