"""The periodic loops of records' worker."""

import asyncio
import math
from collections.abc import Callable

from services.records.erasure.store import remove_deposits
from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.store.submissions import SWEEP_SUBMISSIONS
from services.records.quarantine.usecases.resend_due import mark_missed, resend_due
from shared.db.pool import Pool
from shared.db.sweep import sweep
from shared.erasure.erased_records import ErasureFinisher
from shared.runtime import clock
from shared.service.worker import Loop

SWEEP_EVERY_S = 10.0
RESEND_EVERY_S = 1.0
MARK_EVERY_S = 600.0


def loops(quarantine_of: Callable[[Pool], QuarantineContext]) -> dict[str, Loop]:
    """Returns all loops by name. They can be interrupted at any point: each page or submission is a transaction.

    `quarantine_of`: makes the context of quarantine for the worker's pool.
    """
    marked_at = -math.inf
    made: dict[Pool, QuarantineContext] = {}

    async def resend_quarantined(pool: Pool) -> None:
        nonlocal marked_at
        quarantine = made.get(pool) or made.setdefault(pool, quarantine_of(pool))
        now = asyncio.get_running_loop().time()
        if quarantine.rules.unknown == "keep" and now - marked_at > MARK_EVERY_S:
            await mark_missed(quarantine)
            marked_at = now
        if not await resend_due(quarantine):
            await asyncio.sleep(RESEND_EVERY_S)

    return {
        "finish-erasures": ErasureFinisher("records", remove_deposits).round,
        "resend-quarantined": resend_quarantined,
        "sweep-quarantine": sweep_quarantine,
    }


async def sweep_quarantine(pool: Pool) -> None:
    """Destroys refused submissions whose time is over."""
    if not await sweep(pool, {SWEEP_SUBMISSIONS: clock.now()}):
        await asyncio.sleep(SWEEP_EVERY_S)
