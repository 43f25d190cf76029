"""Whose record it is."""

from datetime import date
from uuid import UUID

from services.identity.domain.opening import Person
from services.identity.domain.sealing import Keyrings, open_row
from services.identity.store import records
from shared.db.pool import Connection


async def load_holder(connection: Connection, keyrings: Keyrings, record_id: UUID) -> Person:
    """The holder of a record that exists. Raises SealBrokenError."""
    person_id, sealed = await records.load_person(connection, record_id)
    return Person.from_json(open_row(keyrings.persons, sealed, "person", person_id))


def birth_date(person: Person) -> date:
    """Checked when the record was opened."""
    assert person.traits.birth_date is not None, "a person without a birth date"
    return date.fromisoformat(person.traits.birth_date)


def shown_name(person: Person) -> str:
    """How a person is called in a list of people: the used names where there are some."""
    given = person.used.given_name or person.traits.given_name
    return f"{given} {person.used.family_name or person.traits.birth_name}"
