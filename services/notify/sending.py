"""The senders' rounds: what is due is taken, shared out among a few gateways, and what became of it is written down.

Apart from the consumers, so that a slow server holds no partition. A crash between a gateway's answer and the commit
sends a message twice, under the same id.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

import asyncpg

from services.notify.domain import Deferred, NotTried
from services.notify.gateways import Gateway
from shared.db.pool import KEEPALIVES, Pool

BATCH = 64
PER_GATEWAY = 8
POLL_S = 1.0
ROUND_S = 1.0
IDLE_S = 20.0
LONGEST_PAUSE_S = 30.0

Due = TypeVar("Due")
End = TypeVar("End")


class Work(Protocol[Due, End]):
    """One queue: how its messages are taken, attempted, and settled."""

    queue: str
    """The notification that wakes its senders."""

    async def take(self, pool: Pool, limit: int, held_for: timedelta) -> list[Due]:
        """The longest due; nobody else takes them for so long."""

    async def attempt(self, gateway: Gateway, due: Due) -> End:
        """Whatever happens is an outcome, never an exception."""

    async def settle(self, pool: Pool, results: Sequence[tuple[Due, End | NotTried]]) -> None:
        """Writes down what became of them."""


class Wake:
    """Waits until something may have been queued: a notification of the commit, or a short time. One for all queues."""

    def __init__(self, dsn: str, queues: Sequence[str]) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()
        self._called = {queue: asyncio.Event() for queue in queues}

    async def wait(self, queue: str, seconds: float) -> None:
        """Returns at a call, or after so many seconds."""
        async with self._opening:
            if self._connection is None or self._connection.is_closed():
                await self._listen()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._called[queue].wait(), seconds)
        self._called[queue].clear()

    def close(self) -> None:
        """Ends the listening."""
        if self._connection is not None:
            self._connection.terminate()

    async def _listen(self) -> None:
        settings = {"application_name": "notify-senders", **KEEPALIVES}
        self._connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=5, server_settings=settings)
        for queue, called in self._called.items():
            await self._connection.add_listener(queue, lambda _, __, queue, ___: self._called[queue].set())
            called.set()  # something may have been queued before anybody listened


class Senders(Generic[Due, End]):
    """Round after round over one queue. `longest_s`: the longest that one attempt can take."""

    def __init__(self, work: Work[Due, End], gateways: Sequence[Gateway], wake: Wake, longest_s: float) -> None:
        self._work = work
        self._gateways = gateways
        self._wake = wake
        self._held_for = timedelta(seconds=10 + longest_s)
        self._results: list[tuple[Due, End | NotTried]] = []
        self._away = False
        self._pause = 0.0

    async def round(self, pool: Pool) -> None:
        """Waits for work, at most a second; works, at most a few seconds. A loop of the worker."""
        try:
            await self._settle(pool)  # what an interrupted round has left
            if self._pause:
                await asyncio.sleep(self._pause)
            else:
                await self._wake.wait(self._work.queue, POLL_S)
            await self._take_turns(pool)
        except asyncio.CancelledError:
            self._wake.close()
            for gateway in self._gateways:
                gateway.close()
            raise

    async def _take_turns(self, pool: Pool) -> None:
        started = asyncio.get_running_loop().time()
        self._away = False
        while due := await self._work.take(pool, BATCH, self._held_for):
            try:
                await self._deliver(due)
            finally:
                await self._settle(pool)
            if self._away or asyncio.get_running_loop().time() - started > ROUND_S:
                break
        self._pause = min(self._pause * 2 or 1.0, LONGEST_PAUSE_S) if self._away else 0.0
        for gateway in self._gateways:
            gateway.close_if_idle(IDLE_S)

    async def _deliver(self, due: list[Due]) -> None:
        waiting = deque(due)
        until = asyncio.get_running_loop().time() + ROUND_S
        lanes = min(len(self._gateways), -(-len(due) // PER_GATEWAY))
        await asyncio.gather(*(self._lane(gateway, waiting, until) for gateway in self._gateways[:lanes]))
        self._results += [(one, NotTried()) for one in waiting]

    async def _lane(self, gateway: Gateway, waiting: deque[Due], until: float) -> None:
        """One gateway's share: one message after the other."""
        while waiting and not self._away and asyncio.get_running_loop().time() < until:
            one = waiting.popleft()
            outcome = await self._work.attempt(gateway, one)
            self._results.append((one, outcome))
            if isinstance(outcome, NotTried) or (isinstance(outcome, Deferred) and outcome.away):
                self._away = True

    async def _settle(self, pool: Pool) -> None:
        if not self._results:
            return
        await self._work.settle(pool, self._results)
        self._results = []
