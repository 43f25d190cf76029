"""Deletes expired rows page by page, in short transactions, as fast as they expire."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from shared.db.pool import Pool
from shared.db.tags import count_of

PAGE: Final = 2000
RUN_INTERVAL_S: Final = 10.0
"""Seconds after which a run ends even if rows are left, because a worker's loop must report progress every minute."""


async def sweep(pool: Pool, deletions: Mapping[str, datetime]) -> bool:
    """Runs each deletion until it finds less than a full page. A statement deletes at most $2 rows older than $1.

    Returns whether rows may be left at the end of the time. Each page is a transaction.
    """
    deadline = asyncio.get_running_loop().time() + RUN_INTERVAL_S
    waiting = dict(deletions)
    while waiting and asyncio.get_running_loop().time() < deadline:
        for statement, moment in list(waiting.items()):
            deleted = count_of(await pool.execute(statement, moment, PAGE))
            if deleted < PAGE:
                del waiting[statement]
    return bool(waiting)
