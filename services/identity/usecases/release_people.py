"""Whoever is erased or has died neither represents nor cares for anybody any more: the people of those others are told
anew."""

from datetime import datetime
from uuid import UUID

from services.identity.domain.acting import permitted_access
from services.identity.domain.representation import Status
from services.identity.domain.sealing import Keyrings
from services.identity.store import care, representations
from services.identity.usecases.announce_people import announce_people
from services.identity.usecases.settle_contact import settle_contact
from shared.contracts.base import Actor, Event
from shared.db.pool import Connection


async def release_people(
    connection: Connection, keyrings: Keyrings, record_id: UUID, now: datetime, actor: Actor, reason: str = "erased"
) -> list[Event]:
    """What is to be announced, in the caller's transaction. Who waits to represent is refused."""
    represented = [
        one
        for one in await representations.represented_by(connection, record_id)
        if one.status in ("waiting", "validated")
    ]
    cared = [one for one in await care.cared_by(connection, record_id) if one.status == "accepted"]
    others = sorted({one.record_id for one in represented} | {one.record_id for one in cared})
    await representations.lock_records(connection, others)
    events: list[Event] = []
    for represents in represented:
        status: Status = "ended" if represents.status == "validated" else "refused"
        await representations.settle_representation(connection, represents.id, status, now, reason)
        events.append(permitted_access(represents.record_id, actor, "end-representation", reason, subject=record_id))
        if represents.basis == "representative-of-minor":
            events += await settle_contact(connection, keyrings, represents.record_id)
    for cares in cared:
        await care.settle_care(connection, cares.id, "ended", now)
        events.append(permitted_access(cares.record_id, actor, "end-care", reason, subject=record_id))
    for other in others:
        events += (await announce_people(connection, other))[1]
    return events
