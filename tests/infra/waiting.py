"""Waiting for a condition with a deadline; never a bare sleep."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]], *, seconds: float = 60) -> T:
    """The first look that is neither None nor False. Fails when the time is over."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await look()
        if found is not None and found is not False:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"it did not come true within {seconds} s"
        await asyncio.sleep(0.05)
