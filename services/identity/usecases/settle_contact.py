"""Where a minor is told things: at the first representative's; without one, and from 18 on, at their own."""

from dataclasses import replace
from uuid import UUID

from services.identity.domain.contacts import ContactMissingError, seal_contact
from services.identity.domain.opening import Contact
from services.identity.domain.sealing import Keyrings, open_row, seal_row
from services.identity.store import contacts, minors, representations
from services.identity.usecases.load_contact import load_contact
from shared.contracts.base import Event
from shared.contracts.identity import ContactChanged
from shared.db.pool import Connection


async def settle_contact(connection: Connection, keyrings: Keyrings, record_id: UUID) -> list[Event]:
    """The event where the contact has changed. Only for a holder who is or just was under age, the record locked."""
    try:
        version, current = await load_contact(connection, keyrings, record_id)
    except ContactMissingError:
        return []
    wanted = await _representatives(connection, keyrings, record_id)
    if wanted is None:
        wanted = current if current.relation == "holder" else await _own(connection, keyrings, record_id, current)
    elif current.relation == "holder":
        sealed = seal_row(keyrings.persons, current.as_json(), "contact", record_id)
        await minors.keep_own_contact(connection, record_id, sealed)
    if wanted == current:
        return []
    sealed = seal_row(keyrings.persons, wanted.as_json(), "contact", record_id)
    new_version = await contacts.replace_contact(connection, record_id, version, sealed)
    if new_version is None:  # changed by the holder between two statements: theirs stands
        return []
    told = seal_contact(keyrings, record_id, wanted)
    return [ContactChanged(record_id=record_id, version=new_version, sealed=told)]


async def representatives_contact(connection: Connection, keyrings: Keyrings, representative_id: UUID) -> Contact:
    """What becomes the contact of a minor. Without an address where the representative has none."""
    try:
        _, found = await load_contact(connection, keyrings, representative_id)
    except ContactMissingError:
        return Contact(None, "fr", "representative")
    return replace(found, relation="representative")


async def _representatives(connection: Connection, keyrings: Keyrings, record_id: UUID) -> Contact | None:
    first = await representations.first_of_minor(connection, record_id)
    return None if first is None else await representatives_contact(connection, keyrings, first)


async def _own(connection: Connection, keyrings: Keyrings, record_id: UUID, current: Contact) -> Contact:
    kept = await minors.own_contact(connection, record_id)
    if kept is None:
        return Contact(None, current.language, "holder")
    return Contact.from_json(open_row(keyrings.persons, kept, "contact", record_id))
