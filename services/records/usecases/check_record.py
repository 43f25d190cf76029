"""TD0.2: a professional or their software asks whether a person has a record, and how they stand to it.

No traits. The field's protocol tells of a block, and this is the only place that does.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.records.announcements import announce
from services.records.domain.facts import record_facts
from services.records.domain.reading import access_of
from services.records.held_records import retried_while_held
from services.records.store import reading as store
from services.records.usecases.desk import Desk
from shared.access import RULES_VERSION, Facts, Permit, Refusal
from shared.access.requirements import is_attending
from shared.errors import ForbiddenError, UncheckableError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.terminology.professions import role_codes

Authorisation = Literal["NON_EXISTE", "INTERDIT", "EXPIRE", "VALIDE"]
ASKERS = frozenset({"professional", "software"})


@dataclass(frozen=True, slots=True)
class Standing:
    """A record that exists, and how who asks stands to it."""

    record_id: UUID
    active: bool
    authorisation: Authorisation
    attending_doctor: bool


@retried_while_held
async def check_record(desk: Desk, caller: Caller, ins_fingerprints: tuple[str, ...]) -> Standing | None:
    """None where there is no record. Raises ForbiddenError, UncheckableError (for what does not exist as well)."""
    stand_in = int(ins_fingerprints[0].rpartition(".")[2][:8], 16)
    async with desk.pool.acquire() as connection, store.fenced(connection):
        record_id = await store.fence_by_ins(connection, ins_fingerprints)
        record = await store.load_facts(connection, desk.matrices, record_id, stand_in)
        facts = record_facts(caller, "find", record, now=clock.now(), limit=desk.limit, parameters=desk.parameters)
        decision = _decide(caller, facts, is_there=record_id is not None)
        access = access_of(caller, "check-record", (facts, decision), record)
        if access is not None:  # the protocol decides, not the access rules: there is nothing to be decided again
            access = access.model_copy(update={"facts": None, "rules_version": None, "matrix": None})
            await append(connection, [announce(access)])
    if isinstance(decision, Refusal):
        REFUSED.labels("check-record", decision.reason).inc()
        raise UncheckableError if decision.retry else ForbiddenError
    if record_id is None:
        return None
    return Standing(record_id, record.status == "open", authorisation_of(facts), is_attending(facts))


def _decide(caller: Caller, facts: Facts, *, is_there: bool) -> Permit | Refusal:
    """Software, and who may act in a record at all (JDV_J65); not in a secret connection."""
    role_fits = caller.kind == "software" or facts.profession in role_codes()
    if caller.kind not in ASKERS or facts.secret or not role_fits or facts.never is not None:
        return Refusal("kind-not-permitted", False, RULES_VERSION)
    if not facts.copies_fresh or (is_there and not facts.choices_known):
        return Refusal("copies-too-old", False, RULES_VERSION, retry=True)
    return Permit("record-checked", RULES_VERSION)


def authorisation_of(facts: Facts) -> Authorisation:
    """How the DMP calls it (TD0.2). One to come is none yet; a care team's stands where nobody objects to it."""
    team = "none" if facts.care_team_objected else facts.care_team
    if facts.blocked != "none":
        return "INTERDIT"
    if "valid" in (facts.authorisation, team):
        return "VALIDE"
    return "EXPIRE" if "expired" in (facts.authorisation, team) else "NON_EXISTE"
