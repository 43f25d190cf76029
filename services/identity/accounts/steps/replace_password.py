"""Replaces the password of an account in the caller's transaction."""

from uuid import UUID

from services.identity.accounts.domain.accounts import personal_words
from services.identity.accounts.domain.sessions import holder_actor
from services.identity.accounts.steps.end_sessions import end_all_sessions
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import challenges, sessions
from services.identity.kit.sealed_rows import Keyrings, open_row
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.domain.new_person import Person
from services.identity.people.steps import load_contact, notify_holder
from services.identity.people.store import records
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.db.pool import Connection
from shared.runtime import clock


async def personal_words_of_holder(connection: Connection, keyrings: Keyrings, record_id: UUID) -> tuple[str, ...]:
    """Returns the words that a password of the holder must not contain."""
    person_id, sealed = await records.load_person(connection, record_id)
    person = Person.from_json(open_row(keyrings.persons, sealed, "person", person_id))
    _, contact = await load_contact(connection, keyrings, record_id)
    return personal_words(person, contact)


async def replace_password(
    connection: Connection, keyrings: Keyrings, record_id: UUID, password_hash: str, session_id: UUID | None = None
) -> list[Event]:
    """Stores the new hash in the caller's transaction and ends challenges, devices and sessions, except that session.
    Returns the events to announce."""
    now = clock.now()
    await store.set_password(connection, record_id, password_hash, now)
    await challenges.end_challenges(connection, record_id, now)
    ended = await end_all_sessions(connection, record_id, "password-changed", now, except_session=session_id)
    await sessions.forget_devices(connection, record_id, except_session=session_id)
    entry = AccessRecorded(
        record_id=record_id,
        actor=holder_actor(record_id),
        action="change-credentials",
        outcome="permitted",
        reason="password-changed" if session_id else "password-reset",
    )
    return [entry, *ended, *await notify_holder(connection, keyrings, record_id, MessageContent("password-changed"))]
