"""The lane of bulk work: few at a time, the others in a queue of limited length, and only while a process is quiet.

So a backlog of a million documents takes what the others leave over, and neither delays nor refuses them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar, Final

from shared.errors import OverloadedError
from shared.runtime.metrics import NOT_ADMITTED, REQUESTS_AT_WORK, REQUESTS_WAITING

BULK: Final = "bulk"
AT_WORK: Final = 2
"""Bulk requests that a process works on at a time."""
WAITING: Final = 32
"""Bulk requests that wait for their turn: with more clients than places, each has a request in the queue."""
LONGEST_WAIT_S: Final = 20.0
PAUSE_S: Final = 0.02


class BulkLaneFullError(OverloadedError):
    """The lane of bulk work is full. Send fewer requests at a time, and this one again after `Retry-After`."""

    code = "bulk-lane-full"
    french = "Trop d’envois de masse attendent déjà. Envoyez moins de demandes à la fois, et celle-ci plus tard."
    status: ClassVar[int] = 429
    retry_after = 20


class BulkLane:
    """The bulk requests at work and in the queue of one process. `is_quiet`: whether bulk work may begin now."""

    def __init__(self, is_quiet: Callable[[], bool]) -> None:
        self.at_work = 0
        self.waiting = 0
        self._is_quiet = is_quiet
        self._places = asyncio.Semaphore(AT_WORK)
        self._count()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn and holds it until the block ends. Raises BulkLaneFullError at once where the queue is full,
        and after LONGEST_WAIT_S."""
        await self._take_turn()
        try:
            yield
        finally:
            self._places.release()
            self._count(at_work=-1)

    async def _take_turn(self) -> None:
        if self.waiting >= WAITING:
            raise _full()
        self._count(waiting=+1)
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                await self._take_place()
        except TimeoutError:
            raise _full() from None
        finally:
            self._count(waiting=-1)
        self._count(at_work=+1)

    async def _take_place(self) -> None:
        """Takes a place in the order of arrival, and begins when the process is quiet."""
        await self._places.acquire()
        try:
            while not self._is_quiet():  # noqa: ASYNC110  # quiet is what others have left, not an event
                await asyncio.sleep(PAUSE_S)
        except asyncio.CancelledError:
            self._places.release()
            raise

    def _count(self, at_work: int = 0, waiting: int = 0) -> None:
        self.at_work += at_work
        self.waiting += waiting
        REQUESTS_AT_WORK.labels(BULK).set(self.at_work)
        REQUESTS_WAITING.set(self.waiting)


def _full() -> BulkLaneFullError:
    NOT_ADMITTED.labels(BULK).inc()
    return BulkLaneFullError()
