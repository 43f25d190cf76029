"""Replaces the contact of a record without an account, and notifies the previous contact."""

from uuid import UUID

from services.identity.kit.sealed_rows import Keyrings, seal_row
from services.identity.people.domain.contacts import MessageContent, is_reachable, message_request, seal_contact
from services.identity.people.domain.new_person import Contact
from services.identity.people.steps.load_contact import load_contact
from services.identity.people.store import contacts
from shared.contracts.base import Event
from shared.contracts.identity import ContactChanged
from shared.db.pool import Connection
from shared.runtime import clock

CHANGED_NOTICE = MessageContent("contact-changed")


async def replace_contact(connection: Connection, keyrings: Keyrings, record_id: UUID, contact: Contact) -> list[Event]:
    """Returns the events to announce; none if the contact is unchanged, or another change came first."""
    version, current = await load_contact(connection, keyrings, record_id)
    if contact == current:
        return []
    sealed = seal_row(keyrings.persons, contact.as_json(), "contact", record_id)
    new_version = await contacts.replace_contact(connection, record_id, version, sealed)
    if new_version is None:
        return []
    shown = seal_contact(keyrings, record_id, contact)
    events: list[Event] = [ContactChanged(record_id=record_id, version=new_version, sealed=shown)]
    if current.mail != contact.mail and current.mail is not None:
        events.append(message_request(keyrings.contacts, clock.new_id(), record_id, current, CHANGED_NOTICE, "mail"))
    elif current.mobile != contact.mobile and is_reachable(current, "sms"):
        events.append(message_request(keyrings.contacts, clock.new_id(), record_id, current, CHANGED_NOTICE, "sms"))
    return events
