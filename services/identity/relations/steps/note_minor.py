"""Marks the holder of a new record as under age, and announces it; the other services need no birth date."""

from datetime import datetime
from uuid import UUID

from services.identity.people.domain.new_person import Person
from services.identity.people.domain.persons import coming_of_age, is_minor
from services.identity.people.steps import birth_date
from services.identity.relations.steps.announce_people import announce_people
from services.identity.relations.store import minors
from shared.contracts.base import Event
from shared.db.pool import Connection


async def note_minor(connection: Connection, record_id: UUID, person: Person, now: datetime) -> list[Event]:
    """Returns the events, none for an adult. Runs in the transaction of the opening."""
    born = birth_date(person)
    if not is_minor(born, now):
        return []
    await minors.insert_minor(connection, record_id, coming_of_age(born))
    return (await announce_people(connection, record_id))[1]
