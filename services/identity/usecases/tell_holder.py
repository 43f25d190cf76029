"""A notice to the holder of a record, where there is a way to reach them."""

from uuid import UUID

from services.identity.domain.contacts import Note, message
from services.identity.domain.opening import Contact
from services.identity.domain.sealing import Keyrings, open_row
from services.identity.store import contacts
from shared.contracts.notify import MessageRequested
from shared.db.pool import Connection
from shared.runtime import clock


async def tell_holder(
    connection: Connection, keyrings: Keyrings, record_id: UUID, note: Note
) -> list[MessageRequested]:
    """The message to announce, by mail or else by SMS; none when nothing is on file: a notice never stops an act."""
    found = await contacts.load_contact(connection, record_id)
    if found is None:
        return []
    told = Contact.from_json(open_row(keyrings.persons, found[1], "contact", record_id))
    if told.mail is None and told.mobile is None:
        return []
    return [message(keyrings.contacts, clock.new_id(), record_id, told, note)]
