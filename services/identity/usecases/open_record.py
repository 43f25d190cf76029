"""Opens the record of an insured person, or finds the one that is open."""

from datetime import datetime
from uuid import UUID

from services.identity.domain.opening import Contact, Person, TraitsDifferError, are_same, check_traits
from services.identity.domain.sealing import Keyrings, open_row, seal_row
from services.identity.store import records
from shared import clock
from shared.clock import bucket_of
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.identity import ContactChanged, RecordChanged, TraitFingerprints
from shared.db.pool import Connection, Pool, transaction
from shared.fingerprints import ins_parts, trait_fingerprints
from shared.metrics import REFUSED
from shared.outbox import announce, append
from shared.values import check_key


async def open_record(
    pool: Pool, keyrings: Keyrings, person: Person, contact: Contact, actor: Actor, *, test_keys: bool
) -> tuple[UUID, bool]:
    """Returns the record's id and whether it is new. The contact of a record that exists stays as it is.

    `test_keys`: numbers under a test OID may have a wrong key. Raises WrongInsKeyError, InvalidTraitsError,
    TraitsDifferError.
    """
    check_key(person.ins, lenient_test_oids=test_keys)
    check_traits(person.traits, clock.now().date())
    fingerprints = keyrings.ins.fingerprints(*ins_parts(person.ins))
    async with transaction(pool) as connection:
        await records.lock_ins(connection, fingerprints)
        known = await records.find_record(connection, fingerprints)
        if known is None:
            return await _open(connection, keyrings, person, contact, actor), True
        same = await _is_holder(connection, keyrings, known, person)
        if not same:
            await append(connection, [announce(_access(known, actor, refused_for=TraitsDifferError.code))])
    if not same:
        REFUSED.labels("open-record", TraitsDifferError.code).inc()
        raise TraitsDifferError
    return known, False


async def _open(connection: Connection, keyrings: Keyrings, person: Person, contact: Contact, actor: Actor) -> UUID:
    record_id, now = clock.new_id(), clock.now()
    person_id = clock.new_id(bucket_of(record_id))
    changed = _record_changed(keyrings, record_id, person, now)
    sealed_person = seal_row(keyrings.persons, person.as_json(), "person", person_id)
    sealed_contact = seal_row(keyrings.persons, contact.as_json(), "contact", record_id)
    await records.insert_person(connection, bucket_of(record_id), person_id, sealed_person, now)
    await records.insert_record(connection, record_id, person_id, changed.ins, now)
    await records.insert_contact(connection, record_id, sealed_contact)
    told = keyrings.contacts.seal_for_addressee(contact.as_json())
    contact_changed = ContactChanged(record_id=record_id, version=1, sealed=told)
    await append(connection, [announce(one) for one in (changed, contact_changed, _access(record_id, actor))])
    return record_id


async def _is_holder(connection: Connection, keyrings: Keyrings, record_id: UUID, person: Person) -> bool:
    person_id, sealed = await records.load_person(connection, record_id)
    holder = Person.from_json(open_row(keyrings.persons, sealed, "person", person_id))
    return are_same(holder.traits.normalised(), person.traits.normalised())


def _record_changed(keyrings: Keyrings, record_id: UUID, person: Person, now: datetime) -> RecordChanged:
    traits = trait_fingerprints(keyrings.ins, record_id, person.traits.normalised())
    return RecordChanged(
        record_id=record_id,
        version=1,
        status="open",
        ins=keyrings.ins.fingerprint(*ins_parts(person.ins)),
        traits=TraitFingerprints(**traits),
        opened_at=now,
    )


def _access(record_id: UUID, actor: Actor, *, refused_for: str | None = None) -> AccessRecorded:
    return AccessRecorded(
        record_id=record_id,
        actor=actor,
        action="open-record",
        outcome="refused" if refused_for else "permitted",
        reason=refused_for or "opened",
        state_version=None if refused_for else 1,
    )
