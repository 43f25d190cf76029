"""A record to be opened: its sealed rows and the events that announce it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.kit.sealed_rows import Keyrings, Sealed, seal_row
from services.identity.lifecycle.domain.record_event import record_changed
from services.identity.people.domain.contacts import seal_contact
from services.identity.people.domain.new_person import Contact, OpeningChannel, Person
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.contracts.identity import ContactChanged


@dataclass(frozen=True, slots=True, repr=False)
class NewRecord:
    """The rows of a record at version 1; `fingerprint`: of the INS, under the active key."""

    record_id: UUID
    person_id: UUID
    fingerprint: str
    person: Sealed
    contact: Sealed
    channel: OpeningChannel
    opened_at: datetime
    events: tuple[Event, ...]


def new_record(
    keyrings: Keyrings,
    ids: tuple[UUID, UUID],
    person: Person,
    contact: Contact,
    channel: OpeningChannel,
    actor: Actor,
    now: datetime,
) -> NewRecord:
    """Returns the rows and events of a new record. `ids`: of the record and of the person, in one bucket."""
    record_id, person_id = ids
    changed = record_changed(keyrings.ins, record_id, 1, "open", person, now, linked_to=None)
    sealed_contact = seal_contact(keyrings, record_id, contact)
    contact_changed = ContactChanged(record_id=record_id, version=1, sealed=sealed_contact)
    opening = AccessRecorded(
        record_id=record_id,
        actor=actor,
        action="open-record",
        outcome="permitted",
        reason=f"opened-{channel}",
        state_version=1,
    )
    return NewRecord(
        record_id=record_id,
        person_id=person_id,
        fingerprint=changed.ins,
        person=seal_row(keyrings.persons, person.as_json(), "person", person_id),
        contact=seal_row(keyrings.persons, contact.as_json(), "contact", record_id),
        channel=channel,
        opened_at=now,
        events=(changed, contact_changed, opening),
    )
