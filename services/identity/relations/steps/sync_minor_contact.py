"""Keeps a minor's contact equal to that of the first representative; without one, and from 18 on, to their own."""

from dataclasses import replace
from uuid import UUID

from services.identity.kit.sealed_rows import open_row, seal_row
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import ContactMissingError, seal_contact
from services.identity.people.domain.new_person import Contact
from services.identity.people.steps import load_contact
from services.identity.people.store import contacts
from services.identity.relations.store import minors, representations
from shared.contracts.base import Event
from shared.contracts.identity import ContactChanged


async def sync_minor_contact(work: UnitOfWork, record_id: UUID) -> list[Event]:
    """Returns the event if the contact has changed. For holders who are or just were under age; the caller has locked
    the record."""
    try:
        version, current = await load_contact(work, record_id)
    except ContactMissingError:
        return []
    target = await _representatives_contact(work, record_id)
    if target is None:
        target = current if current.relation == "holder" else await _own_contact(work, record_id, current)
    elif current.relation == "holder":
        sealed = seal_row(work.keyrings.persons, current.as_json(), "contact", record_id)
        await minors.keep_own_contact(work.connection, record_id, sealed)
    if target == current:
        return []
    sealed = seal_row(work.keyrings.persons, target.as_json(), "contact", record_id)
    new_version = await contacts.replace_contact(work.connection, record_id, version, sealed)
    if new_version is None:  # the holder changed it between two statements: that change stays
        return []
    sealed_event = seal_contact(work.keyrings, record_id, target)
    return [ContactChanged(record_id=record_id, version=new_version, sealed=sealed_event)]


async def representatives_contact(work: UnitOfWork, representative_id: UUID) -> Contact:
    """Returns the contact that a minor gets from the representative; without an address if the representative has
    none."""
    try:
        _, contact = await load_contact(work, representative_id)
    except ContactMissingError:
        return Contact(None, "fr", "representative")
    return replace(contact, relation="representative")


async def _representatives_contact(work: UnitOfWork, record_id: UUID) -> Contact | None:
    first = await representations.load_first_of_minor(work.connection, record_id)
    return None if first is None else await representatives_contact(work, first)


async def _own_contact(work: UnitOfWork, record_id: UUID, current: Contact) -> Contact:
    sealed = await minors.load_own_contact(work.connection, record_id)
    if sealed is None:
        return Contact(None, current.language, "holder")
    return Contact.from_json(open_row(work.keyrings.persons, sealed, "contact", record_id))
