"""Opens the record of a represented person, and adds their representative.

A signed-in representative opens for a minor whom the insured register knows under the stated card. The card proves the
relation only where the register names the representative as its owner: anybody can read a serial number. Without that
proof no record is opened, and the representation in an existing record waits until a second person has checked it. An
administrator states the evidence. An existing record stays, and the representation is added.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.count_attempt import count_attempt
from services.identity.accounts.store import throttles
from services.identity.figures.domain import counted_region
from services.identity.kit.announcements import announce
from services.identity.kit.transitions import TransitionRefusal
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import decide
from services.identity.openings.steps import add_record
from services.identity.people.domain.insured import InsuredRow, is_card_of, open_insured
from services.identity.people.domain.new_person import Contact, Person, TraitsDifferError, are_same_person, check_traits
from services.identity.people.domain.persons import is_minor
from services.identity.people.steps import birth_date, load_holder, logged_refusals
from services.identity.people.store import insured, records
from services.identity.people.store.records import load_records_of_person
from services.identity.relations.domain.representation import RepresentationUnprovenError
from services.identity.relations.steps.admit_representative import (
    AdmittedRepresentation,
    StatedRepresentation,
    admit_representative,
)
from services.identity.relations.steps.find_representative import find_representative
from services.identity.relations.steps.sync_minor_contact import representatives_contact
from services.identity.relations.store import representations
from shared.contracts.base import Actor, Event
from shared.crypto.fingerprints import ins_parts
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.values import Ins, RedactedRepr, check_key


@dataclass(frozen=True, slots=True, repr=False)
class ByRepresentative(RedactedRepr):
    """The signed-in holder of `own_id` opens for a minor with the card on which the minor is insured."""

    own_id: UUID
    card: str
    session_id: UUID | None


@dataclass(frozen=True, slots=True, repr=False)
class ByAdministrator(RedactedRepr):
    """An administrator states the representative, and has seen the evidence."""

    actor: Actor
    representative: Ins
    stated: StatedRepresentation


async def open_represented(
    storage: Storage, person: Person, by: ByRepresentative | ByAdministrator, *, test_keys: bool
) -> tuple[AdmittedRepresentation, bool]:
    """Returns the representation, and whether the record is new.

    Raises SessionOverError, WrongInsKeyError, InvalidTraitsError, TooManyTriesError, RepresentationUnprovenError,
    TraitsDifferError, the refusals of the life cycle's table, and what `admit_representative` raises.
    """
    check_key(person.ins, lenient_test_oids=test_keys)
    check_traits(person.traits, clock.now().date())
    fingerprints = storage.keyrings.ins.fingerprints(*ins_parts(person.ins))
    actor = _actor(by)
    if isinstance(by, ByRepresentative):
        async with storage.acquire() as work:
            await check_session(work.connection, by.session_id)
            await count_attempt(work.connection, [f"represent:{by.own_id}"], "represent")
    async with storage.acquire() as work:
        existing_id = await records.find_record(work.connection, fingerprints)
    async with logged_refusals(storage.pool, existing_id, actor, "represent"), storage.transaction() as work:
        await records.lock_ins(work.connection, fingerprints)
        row = await insured.find_insured(work.connection, fingerprints)
        if isinstance(by, ByRepresentative):
            await check_session(work.connection, by.session_id)
            person, stated = await _registered_minor(work, person, by, row)
            if stated.is_proven:
                await throttles.reset_attempts(work.connection, [f"represent:{by.own_id}"], clock.now())
        else:
            stated = await _stated_representation(work, by)
        record_id, opening_events = await _find_or_add_record(work, person, stated, actor, row)
        admission = await admit_representative(work, record_id, stated, actor)
        await append(work.connection, [announce(event) for event in (*opening_events, *admission.events)])
    return admission, bool(opening_events)


def _actor(by: ByRepresentative | ByAdministrator) -> Actor:
    return Actor(kind="representative", id=str(by.own_id)) if isinstance(by, ByRepresentative) else by.actor


async def _registered_minor(
    work: UnitOfWork, person: Person, by: ByRepresentative, row: InsuredRow | None
) -> tuple[Person, StatedRepresentation]:
    """Returns the minor as the register describes them. Every mismatch raises one error,
    RepresentationUnprovenError."""
    if row is None or not is_card_of(work.keyrings.ins, row, person.ins, by.card):
        raise RepresentationUnprovenError
    registered = open_insured(work.keyrings.persons, row)
    is_same = are_same_person(registered.person.traits.normalised(), person.traits.normalised())
    if not is_same or not is_minor(birth_date(registered.person), clock.now()):
        raise RepresentationUnprovenError
    is_proven = registered.card_owner is not None and await _is_number_of(work, by.own_id, registered.card_owner)
    return registered.person, StatedRepresentation(by.own_id, "insured-register", is_proven=is_proven)


async def _is_number_of(work: UnitOfWork, own_id: UUID, number: Ins) -> bool:
    """Returns whether this number is that of the holder of the record or of the linked one."""
    record_id = await records.find_record(work.connection, work.keyrings.ins.fingerprints(*ins_parts(number)))
    return record_id in await load_records_of_person(work.connection, own_id)


async def _stated_representation(work: UnitOfWork, by: ByAdministrator) -> StatedRepresentation:
    representative_id = await find_representative(work, by.representative)
    return replace(by.stated, representative_id=representative_id)


async def _find_or_add_record(
    work: UnitOfWork, person: Person, stated: StatedRepresentation, actor: Actor, row: InsuredRow | None
) -> tuple[UUID, tuple[Event, ...]]:
    """Returns the person's record, and the events of its opening if it is new. Raises RepresentationUnprovenError
    rather than opening a record without proof."""
    fingerprints = work.keyrings.ins.fingerprints(*ins_parts(person.ins))
    record_id = await records.find_record(work.connection, fingerprints)
    if record_id is not None:
        await _check_existing_record(work, record_id, person, stated)
        return record_id, ()
    if not stated.is_proven:
        raise RepresentationUnprovenError
    contact = Contact(None, "fr", "holder")
    if is_minor(birth_date(person), clock.now()):
        contact = await representatives_contact(work, stated.representative_id)
    region = counted_region(row.region if row else None)
    new = await add_record(work, person, contact, "representative", region, actor)
    await lifecycle.lift_suppression(work.connection, fingerprints)
    return new.record_id, new.events


async def _check_existing_record(
    work: UnitOfWork, record_id: UUID, person: Person, stated: StatedRepresentation
) -> None:
    """Raises TraitsDifferError and the refusals of the life cycle's table."""
    await representations.lock_records(work.connection, [record_id, stated.representative_id])
    record = await lifecycle.load_lifecycle_record(work.connection, record_id, lock=False)
    assert record is not None, "its fingerprint was there a statement ago"
    decision = decide(record.state, "open", "representative")
    if isinstance(decision, TransitionRefusal):
        raise decision.error()
    holder = await load_holder(work, record_id)
    if not are_same_person(holder.traits.normalised(), person.traits.normalised()):
        raise TraitsDifferError
