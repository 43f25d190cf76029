"""Processes the coming of age of holders: on the 18th birthday their representation ends, and both sides are notified.

The birth date is sealed; only its month is stored in clear. Each holder of that month is therefore checked once a day,
in the transaction that acts on it, so an interrupted sweep continues where it stopped. No event carries a date of
birth.
"""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.domain.persons import is_minor
from services.identity.people.steps import birth_date, load_holder, notify_holder
from services.identity.relations.domain.representation import Representation
from services.identity.relations.steps.announce_people import announce_people
from services.identity.relations.steps.apply_representation_status import apply_representation_status
from services.identity.relations.steps.sync_minor_contact import sync_minor_contact
from services.identity.relations.store import minors, representations
from shared.contracts.base import Actor, Event
from shared.errors import CodedError
from shared.messaging.outbox import append
from shared.runtime.logs import log

BATCH: Final = 100
SWEEPER: Final = Actor(kind="system", id="sweep-minors")
COMING_OF_AGE_NOTICE: Final = MessageContent("coming-of-age")


async def sweep_minors(storage: Storage, now: datetime, *, limit: int = BATCH) -> int:
    """Returns how many were checked; 0 when none is left for today."""
    today = now.astimezone(UTC).date()
    async with storage.acquire() as work:
        due = await minors.find_due(work.connection, today, limit)
    for record_id in due:
        try:
            await _check_age(storage, record_id, now)
        except CodedError as error:  # a key is missing: retried tomorrow, without blocking the others
            log("loop.failed", place="sweep-minors", error=error)
            async with storage.transaction() as work:
                await minors.set_looked_on(work.connection, record_id, today)
    return len(due)


async def _check_age(storage: Storage, record_id: UUID, now: datetime) -> None:
    async with storage.transaction() as work:
        await representations.lock_records(work.connection, [record_id])
        if not await minors.is_minor(work.connection, record_id):
            return
        if is_minor(birth_date(await load_holder(work, record_id)), now):
            await minors.set_looked_on(work.connection, record_id, now.astimezone(UTC).date())
            return
        events = await _come_of_age(work, record_id, now)
        await append(work.connection, [announce(event) for event in events])


async def _come_of_age(work: UnitOfWork, record_id: UUID, now: datetime) -> list[Event]:
    events: list[Event] = []
    all_representations = await representations.load_representations(work.connection, record_id)
    for representation in all_representations:
        events += await _end_representation(work, representation, now)
    events += await sync_minor_contact(work, record_id)
    events += await notify_holder(work, record_id, COMING_OF_AGE_NOTICE)
    await minors.delete_minors(work.connection, [record_id])
    _, people = await announce_people(work.connection, record_id)
    return [*people, *events]


async def _end_representation(work: UnitOfWork, representation: Representation, now: datetime) -> list[Event]:
    if representation.basis != "representative-of-minor" or representation.status not in ("waiting", "validated"):
        return []
    if representation.status == "waiting":
        return await apply_representation_status(work, representation, "refused", now, SWEEPER, "come-of-age")
    ended = await apply_representation_status(work, representation, "ended", now, SWEEPER, "come-of-age")
    return [*ended, *await notify_holder(work, representation.representative_id, COMING_OF_AGE_NOTICE)]
