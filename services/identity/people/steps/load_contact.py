"""Loads the contact of a record's holder."""

from uuid import UUID

from services.identity.kit.sealed_rows import Keyrings, open_row
from services.identity.people.domain.contacts import ContactMissingError
from services.identity.people.domain.new_person import Contact
from services.identity.people.store import contacts
from shared.db.pool import Connection


async def load_contact(connection: Connection, keyrings: Keyrings, record_id: UUID) -> tuple[int, Contact]:
    """Returns the announced version and the contact. Raises ContactMissingError."""
    row = await contacts.load_contact(connection, record_id)
    if row is None:
        raise ContactMissingError
    version, sealed = row
    return version, Contact.from_json(open_row(keyrings.persons, sealed, "contact", record_id))
