"""Sets the status of a representation in the caller's transaction."""

from datetime import datetime

from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.steps import notify_holder
from services.identity.relations.domain.acts_for_holder import permitted_access
from services.identity.relations.domain.representation import Representation, RepresentationStatus
from services.identity.relations.steps.admit_representative import notify_of_representation
from services.identity.relations.steps.sync_minor_contact import sync_minor_contact
from services.identity.relations.store import representations
from shared.contracts.audit import Action as LedgerAction
from shared.contracts.base import Actor, Event


async def apply_representation_status(
    work: UnitOfWork,
    representation: Representation,
    status: RepresentationStatus,
    now: datetime,
    actor: Actor,
    reason: str | None = None,
) -> list[Event]:
    """Sets the status of a representation whose record is locked. Returns the events to announce beside the record's
    people."""
    if status == representation.status:
        return []
    await representations.settle_representation(work.connection, representation.id, status, now, reason)
    verb: LedgerAction = "end-representation" if status == "ended" else "represent"
    subject = representation.representative_id
    events: list[Event] = [permitted_access(representation.record_id, actor, verb, reason or status, subject=subject)]
    match status:
        case "validated":
            events += await notify_of_representation(work, representation)
        case "ended":
            if representation.basis == "representative-of-minor":
                events += await sync_minor_contact(work, representation.record_id)
            else:
                events += await notify_holder(work, representation.record_id, MessageContent("representation-ended"))
            events += await notify_holder(work, subject, MessageContent("representation-ended"))
    return events
