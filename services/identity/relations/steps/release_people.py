"""Ends the relations of an erased or deceased person to other holders, and announces the people of those holders
anew."""

from datetime import datetime
from uuid import UUID

from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.relations.domain.acts_for_holder import permitted_access
from services.identity.relations.domain.representation import RepresentationStatus
from services.identity.relations.steps.announce_people import announce_people
from services.identity.relations.steps.sync_minor_contact import sync_minor_contact
from services.identity.relations.store import care, representations
from shared.contracts.base import Actor, Event


async def release_people(
    work: UnitOfWork, record_id: UUID, now: datetime, actor: Actor, reason: str = "erased"
) -> list[Event]:
    """Returns the events to announce, in the caller's transaction. Waiting representations are refused."""
    represented = [
        representation
        for representation in await representations.load_represented(work.connection, record_id)
        if representation.status in ("waiting", "validated")
    ]
    care_relations = [
        relation for relation in await care.load_cared_for(work.connection, record_id) if relation.status == "accepted"
    ]
    others = sorted(
        {relation.record_id for relation in represented} | {relation.record_id for relation in care_relations}
    )
    await representations.lock_records(work.connection, others)
    events: list[Event] = []
    for represents in represented:
        status: RepresentationStatus = "ended" if represents.status == "validated" else "refused"
        await representations.settle_representation(work.connection, represents.id, status, now, reason)
        events.append(permitted_access(represents.record_id, actor, "end-representation", reason, subject=record_id))
        if represents.basis == "representative-of-minor":
            events += await sync_minor_contact(work, represents.record_id)
    for cares in care_relations:
        await care.settle_care(work.connection, cares.id, "ended", now)
        events.append(permitted_access(cares.record_id, actor, "end-care", reason, subject=record_id))
    for other in others:
        events += (await announce_people(work.connection, other))[1]
    return events
