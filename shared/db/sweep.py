"""Deletes expired rows page by page: as fast as they expire, in short transactions."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from shared.db.pool import Pool
from shared.db.tags import count_of

PAGE: Final = 2000
RUN_INTERVAL_S: Final = 10.0
"""Seconds after which a round ends although there is more: a worker's loop must come round within a minute."""


async def sweep(pool: Pool, deletions: Mapping[str, datetime]) -> bool:
    """Carries out statements that delete rows older than $1, $2 of them at most, each as long as it finds a full page.

    Returns whether the round ended before everything was deleted. Each page is a transaction.
    """
    deadline = asyncio.get_running_loop().time() + RUN_INTERVAL_S
    waiting = dict(deletions)
    while waiting and asyncio.get_running_loop().time() < deadline:
        for statement, moment in list(waiting.items()):
            deleted = count_of(await pool.execute(statement, moment, PAGE))
            if deleted < PAGE:
                del waiting[statement]
    return bool(waiting)
