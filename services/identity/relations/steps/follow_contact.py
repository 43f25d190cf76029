"""Updates the contacts of represented minors when the contact of their representative changes."""

from uuid import UUID

from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.relations.steps.sync_minor_contact import sync_minor_contact
from services.identity.relations.store import representations
from shared.contracts.base import Event


async def follow_contact(work: UnitOfWork, representative_id: UUID) -> list[Event]:
    """Returns the events of changed contacts, in the transaction that changed the representative's contact."""
    of_minors = [
        representation.record_id
        for representation in await representations.load_represented(work.connection, representative_id)
        if representation.status == "validated" and representation.basis == "representative-of-minor"
    ]
    await representations.lock_records(work.connection, of_minors)
    events: list[Event] = []
    for record_id in of_minors:
        events += await sync_minor_contact(work, record_id)
    return events
