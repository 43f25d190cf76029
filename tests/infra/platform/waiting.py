"""Waits for a condition with a deadline; never a bare sleep.

The deadline only tells a failed test from a slow one. A machine with ten times the usual load meets it, and it costs
nothing when the condition comes true.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
DEADLINE_S = 300.0
UNTIL_DONE = f"wait={DEADLINE_S:.0f}"
"""A `Prefer` header: the API of a test waits for a result as long as the test would."""


async def eventually(look: Callable[[], Awaitable[T | None]], *, seconds: float = DEADLINE_S) -> T:
    """Returns the first result that is neither None nor False. Fails when the time is over."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = await look()
        if value is not None and value is not False:
            return value
        assert asyncio.get_running_loop().time() < deadline, f"it did not come true within {seconds} s"
        await asyncio.sleep(0.05)
