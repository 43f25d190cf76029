"""Loads the holder of a record."""

from datetime import date
from uuid import UUID

from services.identity.kit.sealed_rows import Keyrings, open_row
from services.identity.people.domain.new_person import Person
from services.identity.people.store import records
from shared.db.pool import Connection


async def load_holder(connection: Connection, keyrings: Keyrings, record_id: UUID) -> Person:
    """Returns the holder of an existing record. Raises SealBrokenError."""
    person_id, sealed = await records.load_person(connection, record_id)
    return Person.from_json(open_row(keyrings.persons, sealed, "person", person_id))


def birth_date(person: Person) -> date:
    """Returns the birth date, which was checked when the record was opened."""
    assert person.traits.birth_date is not None, "a person without a birth date"
    return date.fromisoformat(person.traits.birth_date)


def display_name(person: Person) -> str:
    """Returns the name for lists of people: the used names if there are any, otherwise the birth names."""
    given_name = person.used.given_name or person.traits.given_name
    return f"{given_name} {person.used.family_name or person.traits.birth_name}"
