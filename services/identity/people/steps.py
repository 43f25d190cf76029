"""Loads holders and contacts, notifies holders, and records refusals in the ledger. All but the last run in the
caller's transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import open_row, seal_row
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import (
    ContactMissingError,
    MessageContent,
    is_reachable,
    message_request,
    seal_contact,
)
from services.identity.people.domain.new_person import Contact, Person
from services.identity.people.store import contacts, records
from shared.contracts.audit import AccessRecorded
from shared.contracts.audit import Action as LedgerAction
from shared.contracts.base import Actor, Event
from shared.contracts.identity import ContactChanged
from shared.contracts.notify import MessageRequested
from shared.db.pool import Pool, transaction
from shared.errors import ClientError
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

CHANGED_NOTICE = MessageContent("contact-changed")


async def load_holder(work: UnitOfWork, record_id: UUID) -> Person:
    """Returns the holder of an existing record. Raises SealBrokenError."""
    person_id, sealed = await records.load_person(work.connection, record_id)
    return Person.from_json(open_row(work.keyrings.persons, sealed, "person", person_id))


def birth_date(person: Person) -> date:
    """Returns the birth date, which was checked when the record was opened."""
    assert person.traits.birth_date is not None, "a person without a birth date"
    return date.fromisoformat(person.traits.birth_date)


def display_name(person: Person) -> str:
    """Returns the name for lists of people: the used names if there are any, otherwise the birth names."""
    given_name = person.used.given_name or person.traits.given_name
    return f"{given_name} {person.used.family_name or person.traits.birth_name}"


async def load_contact(work: UnitOfWork, record_id: UUID) -> tuple[int, Contact]:
    """Returns the announced version and the contact. Raises ContactMissingError."""
    row = await contacts.load_contact(work.connection, record_id)
    if row is None:
        raise ContactMissingError
    version, sealed = row
    return version, Contact.from_json(open_row(work.keyrings.persons, sealed, "contact", record_id))


async def notify_holder(work: UnitOfWork, record_id: UUID, content: MessageContent) -> list[MessageRequested]:
    """Returns the message to announce, by mail or else by SMS; none without an address: a missing contact never stops
    an act."""
    row = await contacts.load_contact(work.connection, record_id)
    if row is None:
        return []
    contact = Contact.from_json(open_row(work.keyrings.persons, row[1], "contact", record_id))
    if contact.mail is None and contact.mobile is None:
        return []
    return [message_request(work.keyrings.contacts, clock.new_id(), record_id, contact, content)]


async def replace_contact(work: UnitOfWork, record_id: UUID, contact: Contact) -> list[Event]:
    """Returns the events to announce; none if the contact is unchanged, or another change came first."""
    version, current = await load_contact(work, record_id)
    if contact == current:
        return []
    sealed = seal_row(work.keyrings.persons, contact.as_json(), "contact", record_id)
    new_version = await contacts.replace_contact(work.connection, record_id, version, sealed)
    if new_version is None:
        return []
    shown = seal_contact(work.keyrings, record_id, contact)
    events: list[Event] = [ContactChanged(record_id=record_id, version=new_version, sealed=shown)]
    if current.mail != contact.mail and current.mail is not None:
        events.append(
            message_request(work.keyrings.contacts, clock.new_id(), record_id, current, CHANGED_NOTICE, "mail")
        )
    elif current.mobile != contact.mobile and is_reachable(current, "sms"):
        events.append(
            message_request(work.keyrings.contacts, clock.new_id(), record_id, current, CHANGED_NOTICE, "sms")
        )
    return events


@asynccontextmanager
async def logged_refusals(
    pool: Pool, record_id: UUID | None, actor: Actor, action: LedgerAction
) -> AsyncIterator[None]:
    """Wraps the transaction of an act. A client error rolls it back, is recorded in a separate transaction, and is
    raised again."""
    try:
        yield
    except ClientError as error:
        REFUSED.labels(action, error.code).inc()
        if record_id is not None:
            await _record_refusal(pool, record_id, actor, action, error.code)
        raise


async def _record_refusal(pool: Pool, record_id: UUID, actor: Actor, action: LedgerAction, reason: str) -> None:
    async with transaction(pool) as connection:
        if await records.load_record(connection, record_id) is not None:
            refused = AccessRecorded(record_id=record_id, actor=actor, action=action, outcome="refused", reason=reason)
            await append(connection, [announce(refused)])
