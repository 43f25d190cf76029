"""Writes down another contact of a record without an account, and tells the one that it takes the place of."""

from uuid import UUID

from services.identity.domain.contacts import Note, message, reaches, seal_contact
from services.identity.domain.opening import Contact
from services.identity.domain.sealing import Keyrings, seal_row
from services.identity.store import contacts
from services.identity.usecases.load_contact import load_contact
from shared.contracts.base import Event
from shared.contracts.identity import ContactChanged
from shared.db.pool import Connection
from shared.runtime import clock

CHANGED = Note("contact-changed")


async def replace_contact(connection: Connection, keyrings: Keyrings, record_id: UUID, told: Contact) -> list[Event]:
    """What is to be announced; nothing where the contact is that one, or is changed by somebody else at this moment."""
    version, known = await load_contact(connection, keyrings, record_id)
    if told == known:
        return []
    sealed = seal_row(keyrings.persons, told.as_json(), "contact", record_id)
    new = await contacts.replace_contact(connection, record_id, version, sealed)
    if new is None:
        return []
    shown = seal_contact(keyrings, record_id, told)
    events: list[Event] = [ContactChanged(record_id=record_id, version=new, sealed=shown)]
    if known.mail != told.mail and known.mail is not None:
        events.append(message(keyrings.contacts, clock.new_id(), record_id, known, CHANGED, "mail"))
    elif known.mobile != told.mobile and reaches(known, "sms"):
        events.append(message(keyrings.contacts, clock.new_id(), record_id, known, CHANGED, "sms"))
    return events
