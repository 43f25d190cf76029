"""Tells the other services who represents and cares for the holder of a record, where that has changed."""

from dataclasses import replace
from uuid import UUID

from services.identity.store import care, minors, people, representations
from shared.contracts.base import Event
from shared.contracts.identity import PersonNamed
from shared.db.pool import Connection


async def announce_people(connection: Connection, record_id: UUID) -> tuple[int, list[Event]]:
    """The version of the state and, where it is new, the event. Inside a transaction that has locked the record."""
    known = await people.lock_people(connection, record_id)
    now = replace(
        known,
        representatives=await _representatives(connection, record_id),
        carers=await _carers(connection, record_id),
        is_minor=await minors.is_minor(connection, record_id),
    )
    if now == known:
        return await people.load_version(connection, record_id), []
    version = await people.save_people(connection, record_id, now)
    return version, [now.changed(record_id, version)]


async def _representatives(connection: Connection, record_id: UUID) -> tuple[PersonNamed, ...]:
    return tuple(
        PersonNamed(person_id=one.representative_id, kind=one.basis, since=one.starts_at, until=one.ends_at)
        for one in await representations.representations_of(connection, record_id)
        if one.status == "validated"
    )


async def _carers(connection: Connection, record_id: UUID) -> tuple[PersonNamed, ...]:
    return tuple(
        PersonNamed(person_id=one.carer_id, kind="carer", since=one.settled_at or one.invited_at)
        for one in await care.carers_of(connection, record_id)
        if one.status == "accepted" and one.carer_id is not None
    )
