"""How many passwords are hashed at once, and how many may wait: a hash costs tens of milliseconds of a processor."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final, TypeVar

from shared.errors import OverloadedError
from shared.runtime.metrics import REFUSED

T = TypeVar("T")
LONGEST_WAIT_S: Final = 2.0
"""The wait, in seconds, from which on a request for a hash is refused."""
FIRST_GUESS_S: Final = 0.05
"""What a hash takes until one was measured; then the mean of the latest counts."""
_NEWEST: Final = 0.1


class HashQueue:
    """Hashes in threads, one at a time for each processor.

    A request takes its place before it looks anything up: a refusal says nothing about an account or a code.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self._at_once = at_once or len(os.sched_getaffinity(0))
        self._turns = asyncio.Semaphore(self._at_once)
        self._taken = 0
        self._seconds = FIRST_GUESS_S

    @property
    def places(self) -> int:
        """How many may hash or wait now: a turn's worth at least, so that the measure is always renewed."""
        return self._at_once * (1 + max(1, int(LONGEST_WAIT_S / self._seconds)))

    @contextmanager
    def place(self) -> Iterator["HashPlace"]:
        """Raises OverloadedError when all are taken."""
        if self._taken >= self.places:
            REFUSED.labels("hash-password", OverloadedError.code).inc()
            raise OverloadedError
        self._taken += 1
        try:
            yield HashPlace(self)
        finally:
            self._taken -= 1

    async def _run(self, work: Callable[[], T]) -> T:
        async with self._turns:
            begun = monotonic()
            try:
                return await asyncio.to_thread(work)
            finally:
                self._seconds += _NEWEST * (monotonic() - begun - self._seconds)


class HashPlace:
    """A place in the queue."""

    def __init__(self, queue: HashQueue) -> None:
        self._queue = queue

    async def run(self, work: Callable[[], T]) -> T:
        """Waits for its turn and does the work in a thread."""
        return await self._queue._run(work)  # of the same module
