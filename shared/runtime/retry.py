"""Runs a task until it succeeds, whatever the database, the broker or another system does."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from shared.runtime.logs import log

SHORTEST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0
RESET_AFTER_S = 30.0
"""An attempt that failed after more than this time is retried with the shortest wait again."""


async def run_with_retry(name: str, attempt: Callable[[], Awaitable[bool]], note_progress: Callable[[], None]) -> None:
    """Runs `attempt` until it returns True; logs failures and retries with jittered back-off, 0.1 to 5 s.

    An attempt that returns False is repeated at once. `note_progress` is called before each attempt and each wait.
    """
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
            if asyncio.get_running_loop().time() - started > RESET_AFTER_S:
                delay = SHORTEST_WAIT_S
            note_progress()
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, LONGEST_WAIT_S)
