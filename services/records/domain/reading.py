"""What a decision about a read leads to: what the ledger is told, and which error who asked gets."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from services.records.domain.copies import RecordFacts
from services.records.domain.facts import EMERGENCIES, Asker
from shared.access import Facts, Permit, Refusal, encode_facts
from shared.contracts.audit import AccessRecorded, Action, CombinationDecided, RecordedFacts
from shared.errors import ClientError, ForbiddenError, NotFoundError, UncheckableError

ReadAction = Literal["read-document", "find-documents"]
Judged = tuple[Facts, Permit | Refusal]
"""What was asked and what was answered."""


def access_of(
    asker: Asker,
    action: Action,
    judged: Judged,
    record: RecordFacts,
    document_id: UUID | None = None,
    combinations: Sequence[CombinationDecided] = (),
) -> AccessRecorded | None:
    """What the ledger is told; nothing where there is no record to tell it of.

    `combinations`: of a search, what its documents have beyond the facts of `judged`, each with its answer
    (`combination_told`).
    """
    if record.id is None:
        return None
    facts, decision = judged
    emergency = asker.mode in EMERGENCIES
    return AccessRecorded(
        record_id=record.id,
        actor=asker.actor(),
        mode=asker.mode,
        action=action,
        outcome=outcome_of(decision),
        reason=reason_of(decision),
        document_id=document_id,
        rules_version=decision.rules_version,
        state_version=record.choices_version,
        seen=record.seen_by(asker.kind),
        facts=encode_facts(facts),
        combinations=tuple(combinations),
        matrix=record.matrix.name if record.matrix is not None and asker.kind == "professional" else None,
        motive=asker.motive if emergency else None,
        session_id=asker.session_id if emergency else None,
    )


def combination_told(common: Facts, judged: Judged) -> CombinationDecided:
    """What the ledger is told of a combination: its facts beside those of the search, and the answer."""
    facts, decision = judged
    known = encode_facts(common)
    own: RecordedFacts = {name: value for name, value in encode_facts(facts).items() if name not in known}
    # Codes of ours: there is nothing to be checked, and a search has many.
    return CombinationDecided.model_construct(facts=own, outcome=outcome_of(decision), reason=reason_of(decision))


def outcome_of(decision: Permit | Refusal) -> Literal["permitted", "refused"]:
    """In the ledger's words."""
    return "permitted" if isinstance(decision, Permit) else "refused"


def reason_of(decision: Permit | Refusal) -> str:
    """The rule that permitted, or what was missing."""
    return decision.rule if isinstance(decision, Permit) else decision.reason


def require_permit(decision: Permit | Refusal) -> Permit:
    """The Permit. Raises UncheckableError, NotFoundError (somebody chose to hide it), ForbiddenError (the rest)."""
    match decision:
        case Permit():
            return decision
        case Refusal(retry=True):
            raise UncheckableError
        case Refusal(hides_existence=True):
            raise NotFoundError
        case Refusal():
            raise ForbiddenError


def error_of(refusal: Refusal) -> ClientError:
    """What `require_permit` raises, with the rule's code where it may be told."""
    if refusal.retry:
        return UncheckableError()
    if refusal.hides_existence:
        return NotFoundError()
    error = ForbiddenError(f"The access rules do not permit this: {refusal.reason}.")
    error.french = f"Les règles d’accès ne le permettent pas : {refusal.reason}."
    return error
