"""Objects to the opening of a person's record (an existing one is closed), or withdraws the objection.

The suppression list, which campaigns check, stores the person only as a keyed hash of the INS.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.identity.figures import store as figures
from services.identity.figures.domain import counted_region
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.transitions import Transition, TransitionRefusal
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import LifecycleRules, LifecycleState, decide
from services.identity.lifecycle.steps import (
    LifecycleRequest,
    apply_transition,
    count_refusal,
    fingerprints_of,
    ledger_entry,
    open_holder,
)
from services.identity.lifecycle.store import LifecycleRecord
from services.identity.people.domain.new_person import Person, TraitsDifferError, are_same_person, check_traits
from services.identity.people.store import insured, records
from shared.db.pool import Connection
from shared.errors import ClientError
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock
from shared.values import check_key

OBJECTED_REASON: Final = "objected"
WITHDRAWN_REASON: Final = "objection-withdrawn"


@dataclass(frozen=True, slots=True)
class ObjectionOutcome:
    """The person's state afterwards; `record_id`: of their record, if they have one."""

    state: LifecycleState
    record_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _PersonState:
    state: LifecycleState
    record: LifecycleRecord | None


async def object_to_opening(  # the person, the request, and two parameters of the installation
    storage: Storage,
    rules: LifecycleRules,
    person: Person,
    request: LifecycleRequest,
    *,
    test_keys: bool,
) -> ObjectionOutcome:
    """Applies `request.action`: "object" or "withdraw-objection". Repeating it changes nothing.

    Raises WrongInsKeyError, InvalidTraitsError, TraitsDifferError, and the refusals of the table.
    """
    check_key(person.ins, lenient_test_oids=test_keys)
    check_traits(person.traits, clock.now().date())
    async with storage.transaction() as work:
        person_state = await _find_person(work, person)
        refusal = _refusal(storage.keyrings, person_state, person, request)
        announcements: list[Announcement] = []
        if refusal is None:
            act = _object if request.action == "object" else _withdraw
            announcements = await act(work, rules, person, person_state, request)
        elif person_state.record is not None:
            refused = ledger_entry(person_state.record.id, request, reason=refusal.code, is_refused=True)
            announcements = [announce(refused)]
        await append(work.connection, announcements)
    if refusal is not None:
        raise count_refusal(request, refusal)
    decision = decide(person_state.state, request.action, request.party)
    assert isinstance(decision, Transition)
    return ObjectionOutcome(decision.status, person_state.record.id if person_state.record else None)


async def _find_person(work: UnitOfWork, person: Person) -> _PersonState:
    fingerprints = fingerprints_of(work.keyrings, person)
    await records.lock_ins(work.connection, fingerprints)
    record_id = await records.find_record(work.connection, fingerprints)
    record = await lifecycle.load_lifecycle_record(work.connection, record_id) if record_id else None
    if record is not None:
        return _PersonState(record.state, record)
    return _PersonState(await state_without_record(work.connection, fingerprints), None)


async def state_without_record(connection: Connection, fingerprints: list[str]) -> LifecycleState:
    """Returns the state of a person without a record: the reason on the suppression list, or "none"."""
    listed = await lifecycle.load_suppressions(connection, fingerprints)
    return next(iter(listed.values()), "none")


def _refusal(
    keyrings: Keyrings, person_state: _PersonState, person: Person, request: LifecycleRequest
) -> ClientError | None:
    decision = decide(person_state.state, request.action, request.party)
    if isinstance(decision, TransitionRefusal):
        return decision.error()
    if person_state.record is not None:
        recorded = open_holder(keyrings, person_state.record).traits.normalised()
        return None if are_same_person(recorded, person.traits.normalised()) else TraitsDifferError()
    return None


async def _object(  # the parameters of the use case
    work: UnitOfWork, rules: LifecycleRules, person: Person, person_state: _PersonState, request: LifecycleRequest
) -> list[Announcement]:
    now, fingerprints = clock.now(), fingerprints_of(work.keyrings, person)
    announcements: list[Announcement] = []
    if person_state.record is not None:
        _, announcements = await apply_transition(work, rules, person_state.record, request)
    listed = await lifecycle.suppress(work.connection, fingerprints[0], "objected", request.channel, now)
    if listed:
        region = await _region(work.connection, person, fingerprints)
        await figures.count_life_event(work.connection, "objection", request.channel, region, now)
    if listed and person_state.record is not None and not announcements:
        announcements = [announce(ledger_entry(person_state.record.id, request, reason=OBJECTED_REASON))]
    return announcements


async def _withdraw(  # the parameters of the use case
    work: UnitOfWork, _: LifecycleRules, person: Person, person_state: _PersonState, request: LifecycleRequest
) -> list[Announcement]:
    lifted = await lifecycle.lift_suppression(work.connection, fingerprints_of(work.keyrings, person))
    if not lifted or person_state.record is None:
        return []
    return [announce(ledger_entry(person_state.record.id, request, reason=WITHDRAWN_REASON))]


async def _region(connection: Connection, person: Person, fingerprints: list[str]) -> str:
    region = person.region
    if region is None:
        row = await insured.find_insured(connection, fingerprints)
        region = row.region if row else None
    return counted_region(region)
