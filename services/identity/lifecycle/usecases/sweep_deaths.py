"""Announces deaths that were recorded before deaths were announced to other services, one record at a time.

Each record is one transaction, so an interrupted sweep continues where it stopped.
"""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.record_event import record_changed
from services.identity.lifecycle.steps import end_life, open_holder
from shared.contracts.base import Actor
from shared.db.sweep import RUN_INTERVAL_S
from shared.errors import CodedError
from shared.messaging.outbox import append
from shared.runtime.logs import log_limited

BATCH: Final = 100
SWEEPER: Final = Actor(kind="system", id="sweep-deaths")


async def sweep_deaths(storage: Storage, now: datetime, *, limit: int = BATCH) -> int:
    """Returns how many were announced; 0 when none is left that can be. A record with a missing key does not block the
    others."""
    failed: list[UUID] = []
    deadline = asyncio.get_running_loop().time() + RUN_INTERVAL_S
    while asyncio.get_running_loop().time() < deadline:
        async with storage.acquire() as work:
            due = await lifecycle.find_unannounced_deaths(work.connection, limit, failed)
        failed_before = len(failed)
        for record_id in due:
            try:
                await _announce_death(storage, record_id, now)
            except CodedError as error:
                log_limited("loop.failed", error)
                failed.append(record_id)
        if (announced := len(due) - (len(failed) - failed_before)) or not due:
            return announced
    return 0


async def _announce_death(storage: Storage, record_id: UUID, now: datetime) -> None:
    async with storage.transaction() as work:
        record = await lifecycle.load_lifecycle_record(work.connection, record_id)
        if record is None or record.state != "dead":
            return
        version, person = record.version + 1, open_holder(storage.keyrings, record)
        await lifecycle.close(work.connection, record.id, version, "death", now)
        changed = record_changed(
            storage.keyrings.ins, record.id, version, "dead", person, record.opened_at, linked_to=record.linked_to
        )
        ended = await end_life(work, record.id, now, SWEEPER)
        await append(work.connection, [announce(event) for event in (changed, *ended)])
