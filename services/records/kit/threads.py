"""Runs work whose time grows with its bytes: large work in a thread, so that it holds back no other request."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")
WORTH_A_THREAD: Final = 1_000_000
"""The bytes from which work runs in a thread; sealing 100 KB takes half a millisecond."""


async def in_thread_if_large(
    size: int, work: Callable[Parameters, Returned], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Returned:
    """Returns what the work returns. `size`: the bytes that it reads or writes."""
    return await asyncio.to_thread(work, *args, **kwargs) if size > WORTH_A_THREAD else work(*args, **kwargs)
