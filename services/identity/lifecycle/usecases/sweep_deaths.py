"""Announces deaths that were recorded before deaths were announced to other services, one record at a time.

Each record is one transaction, so an interrupted sweep continues where it stopped.
"""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.record_event import record_changed
from services.identity.lifecycle.steps import end_life, open_holder
from shared.contracts.base import Actor
from shared.db.pool import Pool, transaction
from shared.db.sweep import RUN_INTERVAL_S
from shared.errors import CodedError
from shared.messaging.outbox import append
from shared.runtime.logs import log_limited

BATCH: Final = 100
SWEEPER: Final = Actor(kind="system", id="sweep-deaths")


async def sweep_deaths(pool: Pool, keyrings: Keyrings, now: datetime, *, limit: int = BATCH) -> int:
    """Returns how many were announced; 0 when none is left that can be. A record with a missing key does not block the
    others."""
    failed: list[UUID] = []
    deadline = asyncio.get_running_loop().time() + RUN_INTERVAL_S
    while asyncio.get_running_loop().time() < deadline:
        async with pool.acquire() as connection:
            due = await lifecycle.find_unannounced_deaths(connection, limit, failed)
        failed_before = len(failed)
        for record_id in due:
            try:
                await _announce_death(pool, keyrings, record_id, now)
            except CodedError as error:
                log_limited("loop.failed", error)
                failed.append(record_id)
        if (announced := len(due) - (len(failed) - failed_before)) or not due:
            return announced
    return 0


async def _announce_death(pool: Pool, keyrings: Keyrings, record_id: UUID, now: datetime) -> None:
    async with transaction(pool) as connection:
        record = await lifecycle.load_lifecycle_record(connection, record_id)
        if record is None or record.state != "dead":
            return
        version, person = record.version + 1, open_holder(keyrings, record)
        await lifecycle.close(connection, record.id, version, "death", now)
        changed = record_changed(
            keyrings.ins, record.id, version, "dead", person, record.opened_at, linked_to=record.linked_to
        )
        ended = await end_life(connection, keyrings, record.id, now, SWEEPER)
        await append(connection, [announce(event) for event in (changed, *ended)])
