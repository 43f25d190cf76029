"""Announces the deaths that were recorded before the other services were told of deaths, one record at a time.

Each is one transaction, so that whoever is interrupted goes on where it was.
"""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.announcing import record_changed
from services.identity.domain.sealing import Keyrings
from services.identity.store import lifecycle
from services.identity.usecases.end_life import end_life
from services.identity.usecases.move_record import holder
from shared.contracts.base import Actor
from shared.db.pool import Pool, transaction
from shared.db.sweep import RUN_INTERVAL_S
from shared.errors import CodedError
from shared.messaging.outbox import append
from shared.runtime.logs import log_limited

BATCH: Final = 100
SWEEPER: Final = Actor(kind="system", id="sweep-deaths")


async def sweep_deaths(pool: Pool, keyrings: Keyrings, now: datetime, *, limit: int = BATCH) -> int:
    """How many were announced; 0 when none is left that can be. A record whose keys are not all here keeps nobody."""
    failed: list[UUID] = []
    deadline = asyncio.get_running_loop().time() + RUN_INTERVAL_S
    while asyncio.get_running_loop().time() < deadline:
        async with pool.acquire() as connection:
            due = await lifecycle.find_unannounced_deaths(connection, limit, failed)
        before = len(failed)
        for record_id in due:
            try:
                await _announce(pool, keyrings, record_id, now)
            except CodedError as error:
                log_limited("loop.failed", error)
                failed.append(record_id)
        if (announced := len(due) - (len(failed) - before)) or not due:
            return announced
    return 0


async def _announce(pool: Pool, keyrings: Keyrings, record_id: UUID, now: datetime) -> None:
    async with transaction(pool) as connection:
        kept = await lifecycle.load_kept(connection, record_id)
        if kept is None or kept.state != "dead":
            return
        version, person = kept.version + 1, holder(keyrings, kept)
        await lifecycle.close(connection, kept.id, version, "death", now)
        changed = record_changed(
            keyrings.ins, kept.id, version, "dead", person, kept.opened_at, linked_to=kept.linked_to
        )
        ended = await end_life(connection, keyrings, kept.id, now, SWEEPER)
        await append(connection, [announce(one) for one in (changed, *ended)])
