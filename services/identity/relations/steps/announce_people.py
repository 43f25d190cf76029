"""Announces the representatives and carers of a record's holder if they have changed."""

from dataclasses import replace
from uuid import UUID

from services.identity.relations.store import care, minors, people, representations
from shared.contracts.base import Event
from shared.contracts.identity import PersonNamed
from shared.db.pool import Connection


async def announce_people(connection: Connection, record_id: UUID) -> tuple[int, list[Event]]:
    """Returns the version of the state and, if it is new, the event. The caller has locked the record in a
    transaction."""
    announced = await people.lock_people(connection, record_id)
    current = replace(
        announced,
        representatives=await _representatives(connection, record_id),
        carers=await _carers(connection, record_id),
        is_minor=await minors.is_minor(connection, record_id),
    )
    if current == announced:
        return await people.load_version(connection, record_id), []
    version = await people.save_people(connection, record_id, current)
    return version, [current.as_event(record_id, version)]


async def _representatives(connection: Connection, record_id: UUID) -> tuple[PersonNamed, ...]:
    return tuple(
        PersonNamed(
            person_id=representation.representative_id,
            kind=representation.basis,
            since=representation.starts_at,
            until=representation.ends_at,
        )
        for representation in await representations.load_representations(connection, record_id)
        if representation.status == "validated"
    )


async def _carers(connection: Connection, record_id: UUID) -> tuple[PersonNamed, ...]:
    return tuple(
        PersonNamed(person_id=relation.carer_id, kind="carer", since=relation.settled_at or relation.invited_at)
        for relation in await care.load_carers(connection, record_id)
        if relation.status == "accepted" and relation.carer_id is not None
    )
