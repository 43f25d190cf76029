"""TD0.2: a professional or their software asks whether a person has a record, and how they stand to it.

No traits. The field's protocol tells of a block, and this is the only place that does.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.records.domain.facts import record_facts
from services.records.domain.reading import access_of
from services.records.store import reading as store
from services.records.usecases.desk import Desk
from shared import clock
from shared.access import RULES_VERSION, Facts, Permit, Refusal
from shared.errors import ForbiddenError, UncheckableError
from shared.http.tokens import Caller
from shared.metrics import REFUSED
from shared.outbox import announce, append

Authorisation = Literal["NON_EXISTE", "INTERDIT", "EXPIRE", "VALIDE"]
ASKERS = frozenset({"professional", "software"})


@dataclass(frozen=True, slots=True)
class Standing:
    """A record that exists, and how who asks stands to it."""

    record_id: UUID
    active: bool
    authorisation: Authorisation
    attending_doctor: bool


async def check_record(desk: Desk, caller: Caller, ins_fingerprints: tuple[str, ...]) -> Standing | None:
    """None where there is no record. Raises ForbiddenError, UncheckableError (for what does not exist as well)."""
    if caller.kind not in ASKERS or caller.mode == "secret":
        REFUSED.labels("check-record", "kind-not-permitted").inc()
        raise ForbiddenError
    stand_in = int(ins_fingerprints[0].rpartition(".")[2][:8], 16)
    async with desk.pool.acquire() as connection, store.fenced(connection):
        record_id = await store.fence_by_ins(connection, ins_fingerprints)
        record = await store.load_facts(connection, desk.matrices, record_id, stand_in)
        facts = record_facts(caller, "find", record, now=clock.now(), limit=desk.limit, parameters=desk.parameters)
        known = facts.copies_fresh and (record_id is None or facts.choices_known)
        decision: Permit | Refusal = (
            Permit("record-checked", RULES_VERSION)
            if known
            else Refusal("copies-too-old", False, RULES_VERSION, retry=True)
        )
        access = access_of(caller, "check-record", (facts, decision), record)
        await append(connection, [announce(access)] if access is not None else [])
    if not known:
        REFUSED.labels("check-record", "copies-too-old").inc()
        raise UncheckableError
    if record_id is None:
        return None
    return Standing(record_id, record.status == "open", authorisation_of(facts), facts.attending_doctor)


def authorisation_of(facts: Facts) -> Authorisation:
    """How the DMP calls it (TD0.2). One to come is none yet; a care team's stands where nobody objects to it."""
    team = "none" if facts.care_team_objected else facts.care_team
    if facts.blocked != "none":
        return "INTERDIT"
    if "valid" in (facts.authorisation, team):
        return "VALIDE"
    return "EXPIRE" if "expired" in (facts.authorisation, team) else "NON_EXISTE"
