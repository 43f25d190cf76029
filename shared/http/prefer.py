"""Prefer (RFC 7240): `wait=N` sends the answer with the result, or after N seconds at the latest; `handling=lenient`
ignores what is not understood (sections 4.3 and 4.4)."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.http.admission import idle

T = TypeVar("T")
LONGEST_WAIT_S = 10.0
POLL_INTERVAL_S = 0.05
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", re.IGNORECASE | re.ASCII)
_LENIENT = re.compile(r"(?:^|[,;\s])handling\s*=\s*\"?lenient\b", re.IGNORECASE)


def is_lenient(prefer: str | None) -> bool:
    """Returns whether the caller wants what is not understood to be ignored."""
    return _LENIENT.search(prefer or "") is not None


def seconds_to_wait(prefer: str | None) -> float:
    """Returns the seconds of `wait=`, capped at LONGEST_WAIT_S; 0 without one."""
    match = _WAIT.search(prefer or "")
    return min(float(match[1]), LONGEST_WAIT_S) if match else 0.0


async def wait_for(look: Callable[[], Awaitable[T]], done: Callable[[T], bool], seconds: float) -> T:
    """Calls `look` until `done` accepts its result or the time is over; returns the last result."""
    deadline = asyncio.get_running_loop().time() + seconds
    result = await look()
    while not done(result) and asyncio.get_running_loop().time() < deadline:
        with idle():
            await asyncio.sleep(POLL_INTERVAL_S)
        result = await look()
    return result
