"""Ends representations past their end, one record at a time; an interrupted sweep continues where it stopped."""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.relations.steps.announce_people import announce_people
from services.identity.relations.steps.apply_representation_status import apply_representation_status
from services.identity.relations.store import representations
from shared.contracts.base import Actor, Event
from shared.db.sweep import RUN_INTERVAL_S
from shared.errors import CodedError
from shared.messaging.outbox import append
from shared.runtime.logs import log_limited

BATCH: Final = 100
SWEEPER: Final = Actor(kind="system", id="sweep-representations")


async def sweep_representations(storage: Storage, now: datetime, *, limit: int = BATCH) -> int:
    """Returns in how many records of a page representations ended; 0 when nothing is left that can be done. Records
    with missing keys do not block the others, even when they fill a whole page."""
    failed: list[UUID] = []
    deadline = asyncio.get_running_loop().time() + RUN_INTERVAL_S
    while asyncio.get_running_loop().time() < deadline:
        async with storage.acquire() as work:
            due = await representations.find_records_with_ended(work.connection, now, limit, failed)
        failed_before = len(failed)
        for record_id in due:
            try:
                await _end_due(storage, record_id, now)
            except CodedError as error:
                log_limited("loop.failed", error)
                failed.append(record_id)
        if (swept := len(due) - (len(failed) - failed_before)) or not due:
            return swept
    return 0


async def _end_due(storage: Storage, record_id: UUID, now: datetime) -> None:
    events: list[Event] = []
    async with storage.transaction() as work:
        await representations.lock_records(work.connection, [record_id])
        for representation in await representations.load_representations(work.connection, record_id):
            if (
                representation.status == "validated"
                and representation.ends_at is not None
                and representation.ends_at <= now
            ):
                events += await apply_representation_status(work, representation, "ended", now, SWEEPER, "end-reached")
        _, people = await announce_people(work.connection, record_id)
        await append(work.connection, [announce(event) for event in (*people, *events)])
