"""Erases records at the end of their retention, each in its own transaction; an interrupted sweep continues where it
stopped."""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from services.identity.erasure.steps import ErasureRequest
from services.identity.erasure.usecases.erase_record import erase_record
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import LifecycleRules
from services.identity.lifecycle.steps import LifecycleRequest
from shared.contracts.base import Actor
from shared.db.sweep import RUN_INTERVAL_S
from shared.errors import CodedError
from shared.runtime.logs import log_limited

BATCH: Final = 100
SWEEPER: Final = LifecycleRequest("erase", "system", Actor(kind="system", id="sweep-retention"))


async def sweep_retention(storage: Storage, rules: LifecycleRules, now: datetime, *, limit: int = BATCH) -> int:
    """Returns how many of a page were erased; 0 when none is left that can be. Failures are logged and do not block the
    others, even when they fill a whole page."""
    failed: list[UUID] = []
    deadline = asyncio.get_running_loop().time() + RUN_INTERVAL_S
    while asyncio.get_running_loop().time() < deadline:
        async with storage.acquire() as work:
            due = await lifecycle.find_closed_before(work.connection, rules.closed_before(now), limit, failed)
        failed_before = len(failed)
        for record_id in due:
            try:
                await erase_record(storage, rules, record_id, ErasureRequest(SWEEPER, "retention-over", now))
            except CodedError as error:  # reopened a moment ago, or a key is missing
                log_limited("loop.failed", error)
                failed.append(record_id)
        if (erased := len(due) - (len(failed) - failed_before)) or not due:
            return erased
    return 0
