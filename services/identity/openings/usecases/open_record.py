"""Opens the record of an insured person, or finds the existing one."""

from uuid import UUID

from services.identity.figures.domain import counted_region
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import open_row
from services.identity.kit.transitions import TransitionRefusal
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import decide, party_of
from services.identity.openings.domain.openings import register_contact_first
from services.identity.openings.steps import add_record
from services.identity.people.domain.insured import open_insured
from services.identity.people.domain.new_person import (
    Contact,
    OpeningChannel,
    Person,
    RecordUnknownError,
    TraitsDifferError,
    are_same_person,
    check_traits,
)
from services.identity.people.store import insured, records
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.crypto.fingerprints import ins_parts
from shared.errors import ClientError
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.values import check_key


async def open_record(
    storage: Storage,
    person: Person,
    contact: Contact,
    actor: Actor,
    *,
    channel: OpeningChannel = "hospital",
    test_keys: bool,
) -> tuple[UUID, bool]:
    """Returns the record's id and whether it is new. An existing record keeps its contact; for a new one the insured
    register takes precedence over the stated contact.

    `test_keys`: numbers under a test OID may have a wrong key. Raises WrongInsKeyError, InvalidTraitsError,
    IdentityNotQualifiedError, TraitsDifferError, RecordClosedError, HolderDeceasedError.
    """
    check_key(person.ins, lenient_test_oids=test_keys)
    check_traits(person.traits, clock.now().date())
    fingerprints = storage.keyrings.ins.fingerprints(*ins_parts(person.ins))
    async with storage.transaction() as work:
        await records.lock_ins(work.connection, fingerprints)
        record_id = await records.find_record(work.connection, fingerprints)
        if record_id is None:
            row = await insured.find_insured(work.connection, fingerprints)
            region = counted_region(row.region if row else None)
            if row is not None:
                contact = register_contact_first(contact, open_insured(storage.keyrings.persons, row).contact_details)
            new = await add_record(work, person, contact, channel, region, actor)
            await append(work.connection, [announce(event) for event in new.events])
            return new.record_id, True
        refusal = await _refusal(work, record_id, person, actor)
        if refusal is not None:
            await append(work.connection, [announce(_refusal_entry(record_id, actor, refusal.code))])
    if refusal is not None:
        REFUSED.labels("open-record", refusal.code).inc()
        raise refusal
    return record_id, False


async def _refusal(work: UnitOfWork, record_id: UUID, person: Person, actor: Actor) -> ClientError | None:
    """Returns why the existing record cannot be opened, or None; a closed one is reopened separately."""
    record = await lifecycle.load_lifecycle_record(work.connection, record_id)
    if record is None:
        return RecordUnknownError()
    holder = Person.from_json(open_row(work.keyrings.persons, record.person, "person", record.person_id))
    if not are_same_person(holder.traits.normalised(), person.traits.normalised()):
        return TraitsDifferError()
    decision = decide(record.state, "open", party_of(actor.kind, record_id, record_id))
    return decision.error() if isinstance(decision, TransitionRefusal) else None


def _refusal_entry(record_id: UUID, actor: Actor, reason: str) -> AccessRecorded:
    return AccessRecorded(record_id=record_id, actor=actor, action="open-record", outcome="refused", reason=reason)
