"""Notifies the holder of a record, if a contact is on file."""

from uuid import UUID

from services.identity.kit.sealed_rows import Keyrings, open_row
from services.identity.people.domain.contacts import MessageContent, message_request
from services.identity.people.domain.new_person import Contact
from services.identity.people.store import contacts
from shared.contracts.notify import MessageRequested
from shared.db.pool import Connection
from shared.runtime import clock


async def notify_holder(
    connection: Connection, keyrings: Keyrings, record_id: UUID, content: MessageContent
) -> list[MessageRequested]:
    """Returns the message to announce, by mail or else by SMS; none without an address: a missing contact never stops
    an act."""
    row = await contacts.load_contact(connection, record_id)
    if row is None:
        return []
    contact = Contact.from_json(open_row(keyrings.persons, row[1], "contact", record_id))
    if contact.mail is None and contact.mobile is None:
        return []
    return [message_request(keyrings.contacts, clock.new_id(), record_id, contact, content)]
