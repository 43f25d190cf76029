"""Erases the records that were closed long enough ago, some at a time; each in its own transaction, so that whoever is
interrupted goes on where it was."""

from datetime import datetime
from typing import Final

from services.identity.domain.lifecycle import Retention
from services.identity.domain.sealing import Keyrings
from services.identity.store import lifecycle
from services.identity.usecases.erase_record import Erasing, erase_record
from services.identity.usecases.move_record import Moving
from shared.contracts.base import Actor
from shared.db.pool import Pool
from shared.errors import CodedError
from shared.logs import log

BATCH: Final = 100
SWEEPER: Final = Moving("erase", "system", Actor(kind="system", id="sweep-retention"))


async def sweep_retention(
    pool: Pool, keyrings: Keyrings, retention: Retention, now: datetime, *, limit: int = BATCH
) -> int:
    """How many were erased; 0 when none is left. One that cannot be erased is told and does not keep the others."""
    async with pool.acquire() as connection:
        due = await lifecycle.find_closed_long(connection, retention.closed_before(now), limit)
    erased = 0
    for record_id in due:
        try:
            await erase_record(pool, keyrings, retention, record_id, Erasing(SWEEPER, "retention-over", now))
            erased += 1
        except CodedError as error:  # reopened a moment ago, or its keys are not all here
            log("loop.interrupted", place="sweep-retention", error=error)
    return erased
