"""Adds a representative of the holder of an existing record, as stated by an administrator."""

from dataclasses import replace
from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.people.steps import logged_refusals
from services.identity.relations.steps.admit_representative import (
    AdmittedRepresentation,
    StatedRepresentation,
    admit_representative,
)
from services.identity.relations.steps.find_representative import find_representative
from shared.contracts.base import Actor
from shared.messaging.outbox import append
from shared.values import Ins


async def add_representative(
    storage: Storage, record_id: UUID, representative: Ins, stated: StatedRepresentation, actor: Actor
) -> AdmittedRepresentation:
    """Returns the admitted representation. Raises what `admit_representative` raises."""
    async with logged_refusals(storage.pool, record_id, actor, "represent"), storage.transaction() as work:
        representative_id = await find_representative(work, representative)
        stated = replace(stated, representative_id=representative_id)
        admission = await admit_representative(work, record_id, stated, actor)
        await append(work.connection, [announce(event) for event in admission.events])
    return admission
