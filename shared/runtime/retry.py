"""Work that must outlive whatever the database, the broker or the outside does: told, and tried again after a wait."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from shared.runtime.logs import log

SHORTEST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0
LONG_ENOUGH_S = 30.0
"""Whoever worked this long before it was interrupted begins with the shortest wait again."""


async def run_with_retry(name: str, attempt: Callable[[], Awaitable[bool]], note_progress: Callable[[], None]) -> None:
    """Attempts again and again until one returns True; `note_progress` is called around each, a wait included."""
    delay = SHORTEST_WAIT_S
    while True:
        note_progress()
        started = asyncio.get_running_loop().time()
        try:
            if await attempt():
                return
            delay = SHORTEST_WAIT_S
        except Exception as error:
            log("loop.failed", place=name, error=error)
            if asyncio.get_running_loop().time() - started > LONG_ENOUGH_S:
                delay = SHORTEST_WAIT_S
            note_progress()
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, LONGEST_WAIT_S)
