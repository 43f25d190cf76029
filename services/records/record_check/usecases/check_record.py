"""TD0.2: tells a professional or their software whether a person has a record, and the caller's access to it.

It returns no traits. The DMP's protocol discloses a block, and only here.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.records.copies.store import reads as store
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event
from services.records.facts.domain.facts import record_facts
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from shared.access import RULES_VERSION, Facts, Permit, Refusal
from shared.access.requirements import is_attending
from shared.errors import ForbiddenError, UncheckableError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.terminology.professions import role_codes

DmpAuthorisation = Literal["NON_EXISTE", "INTERDIT", "EXPIRE", "VALIDE"]
PERMITTED_KINDS = frozenset({"professional", "software"})


@dataclass(frozen=True, slots=True)
class RecordAccess:
    """An existing record, and the caller's access to it."""

    record_id: UUID
    active: bool
    authorisation: DmpAuthorisation
    is_attending_doctor: bool


@retry_while_locked
async def check_record(context: ReadContext, caller: Caller, ins_fingerprints: tuple[str, ...]) -> RecordAccess | None:
    """Returns None where there is no record. Raises ForbiddenError, UncheckableError (for absent records as well)."""
    decoy_seed = int(ins_fingerprints[0].rpartition(".")[2][:8], 16)
    async with context.pool.acquire() as connection, store.read_locked(connection):
        record_id = await store.fence_by_ins(connection, ins_fingerprints)
        record = await store.load_facts(connection, context.matrices, record_id, decoy_seed)
        facts = record_facts(caller, "find", record, now=clock.now(), rules=context.rules)
        decision = _decide(caller, facts, is_there=record_id is not None)
        event = access_event(caller, "check-record", RuleDecision(facts, decision), record)
        if event is not None:  # the protocol decides, not the access rules: the ledger has no decision to replay
            event = event.model_copy(update={"facts": None, "rules_version": None, "matrix": None})
            await append(connection, [announce(event)])
    if isinstance(decision, Refusal):
        REFUSED.labels("check-record", decision.reason).inc()
        raise UncheckableError if decision.retry else ForbiddenError
    if record_id is None:
        return None
    return RecordAccess(record_id, record.status == "open", dmp_authorisation(facts), is_attending(facts))


def _decide(caller: Caller, facts: Facts, *, is_there: bool) -> Permit | Refusal:
    """Permits software, and professionals who may act in a record (JDV_J65), outside secret connections."""
    role_fits = caller.kind == "software" or facts.profession in role_codes()
    if caller.kind not in PERMITTED_KINDS or facts.secret or not role_fits or facts.never is not None:
        return Refusal("kind-not-permitted", False, RULES_VERSION)
    if not facts.copies_fresh or (is_there and not facts.choices_known):
        return Refusal("copies-too-old", False, RULES_VERSION, retry=True)
    return Permit("record-checked", RULES_VERSION)


def dmp_authorisation(facts: Facts) -> DmpAuthorisation:
    """Returns the DMP's code of the authorisation (TD0.2): a future one does not count yet, and a care team's counts
    unless the patient objects to it."""
    team = "none" if facts.care_team_objected else facts.care_team
    if facts.blocked != "none":
        return "INTERDIT"
    if "valid" in (facts.authorisation, team):
        return "VALIDE"
    return "EXPIRE" if "expired" in (facts.authorisation, team) else "NON_EXISTE"
