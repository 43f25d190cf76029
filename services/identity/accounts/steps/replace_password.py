"""Replaces the password of an account in the caller's transaction."""

from uuid import UUID

from services.identity.accounts.domain.accounts import personal_words
from services.identity.accounts.domain.sessions import holder_actor
from services.identity.accounts.steps.end_sessions import end_all_sessions
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import challenges, sessions
from services.identity.kit.sealed_rows import open_row
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.domain.new_person import Person
from services.identity.people.steps import load_contact, notify_holder
from services.identity.people.store import records
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.runtime import clock


async def personal_words_of_holder(work: UnitOfWork, record_id: UUID) -> tuple[str, ...]:
    """Returns the words that a password of the holder must not contain."""
    person_id, sealed = await records.load_person(work.connection, record_id)
    person = Person.from_json(open_row(work.keyrings.persons, sealed, "person", person_id))
    _, contact = await load_contact(work, record_id)
    return personal_words(person, contact)


async def replace_password(
    work: UnitOfWork, record_id: UUID, password_hash: str, session_id: UUID | None = None
) -> list[Event]:
    """Stores the new hash in the caller's transaction and ends challenges, devices and sessions, except that session.
    Returns the events to announce."""
    now = clock.now()
    await store.set_password(work.connection, record_id, password_hash, now)
    await challenges.end_challenges(work.connection, record_id, now)
    ended = await end_all_sessions(work.connection, record_id, "password-changed", now, except_session=session_id)
    await sessions.forget_devices(work.connection, record_id, except_session=session_id)
    entry = AccessRecorded(
        record_id=record_id,
        actor=holder_actor(record_id),
        action="change-credentials",
        outcome="permitted",
        reason="password-changed" if session_id else "password-reset",
    )
    return [entry, *ended, *await notify_holder(work, record_id, MessageContent("password-changed"))]
