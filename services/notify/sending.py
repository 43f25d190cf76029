"""The senders' rounds: what is due is taken, shared out among a few gateways, and what became of it is written down.

Apart from the consumers, so that a slow server holds no partition; each queue with gateways of its own, so that nothing
waits behind another queue. Within a queue a message that takes long holds one gateway and no other message. A crash
between a gateway's answer and the commit sends a message twice, under the same id.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from services.notify.domain import Deferred, NotTried
from services.notify.gateways import Gateway
from shared.db.pool import TRANSIENT, Pool, wake_in_process
from shared.runtime.logs import log
from shared.runtime.tasks import end_tasks

BATCH = 64
PER_GATEWAY = 8
POLL_S = 1.0
HELD_S = 1.0
"""How long a message that was taken may wait for a gateway that is free; then it is given back."""
GATHER_S = 0.05
LAST_SETTLE_S = 1.0
IDLE_S = 20.0
LONGEST_PAUSE_S = 30.0

Due = TypeVar("Due")
End = TypeVar("End")
Group = tuple[Due, ...]


class Work(Protocol[Due, End]):
    """One queue: how its messages are taken, attempted, and settled. What leaves as one message is one group."""

    wakes_on: str
    """The notification that says that something was queued."""

    async def take(self, pool: Pool, limit: int, held_for: timedelta) -> Sequence[Group[Due]]:
        """The longest due; nobody else takes them for so long."""

    async def attempt(self, gateway: Gateway, group: Group[Due]) -> Sequence[End]:
        """The outcome of each of the group, in its order. Whatever happens is an outcome, never an exception."""

    async def settle(self, pool: Pool, results: Sequence[tuple[Due, End | Deferred | NotTried]]) -> None:
        """Writes down what became of them."""


class Senders(Generic[Due, End]):
    """Round after round over one queue. `longest_s`: the longest that one attempt can take."""

    def __init__(self, work: Work[Due, End], gateways: Sequence[Gateway], longest_s: float) -> None:
        self._work = work
        self._gateways = gateways
        self._called = asyncio.Event()
        self._held_for = timedelta(seconds=10 + HELD_S + longest_s)
        self._waiting: deque[Group[Due]] = deque()
        self._given_back_at = 0.0
        self._lanes: dict[asyncio.Task[None], Gateway] = {}
        self._current: dict[Gateway, Group[Due]] = {}
        self._results: list[tuple[Due, End | Deferred | NotTried]] = []
        self._pause = 0.0
        self._paused_until = 0.0

    async def round(self, pool: Pool) -> None:
        """Settles, takes, hands out; then waits for the next to do, at most a second. A loop of the worker."""
        try:
            wake_in_process(pool, self._work.wakes_on, self._attend)
            self._end_lanes()
            self._give_back()
            await self._settle(pool)
            await self._take(pool)
            self._start_lanes()
            await self._wait()
        except asyncio.CancelledError:
            await self._end(pool)
            raise

    async def _end(self, pool: Pool) -> None:
        """What was handed over is written down if that can be done at once, so that it is not sent again."""
        await end_tasks(self._lanes)
        for gateway in self._gateways:
            gateway.close()
        with contextlib.suppress(*TRANSIENT):
            await asyncio.wait_for(self._settle(pool), LAST_SETTLE_S)

    def _attend(self, _payload: str) -> bool:
        """Something was queued by this process; the senders of others look on a timer."""
        self._called.set()
        return True

    async def _wait(self) -> None:
        """Until something was queued or has come to its end; results are gathered for a moment while others run."""
        pause = self._paused_until - asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(pause, POLL_S) if pause > 0 else POLL_S):
                await self._called.wait()
        if self._lanes and 0 < len(self._results) < BATCH:
            await asyncio.wait(self._lanes, timeout=GATHER_S)
        self._called.clear()

    @property
    def _is_paused(self) -> bool:
        return asyncio.get_running_loop().time() < self._paused_until

    async def _take(self, pool: Pool) -> None:
        """Only while a gateway is free."""
        if self._waiting or self._is_paused or len(self._lanes) == len(self._gateways):
            return
        self._waiting.extend(await self._work.take(pool, BATCH, self._held_for))
        self._given_back_at = asyncio.get_running_loop().time() + HELD_S
        if not self._waiting:
            for gateway in self._free_gateways():
                gateway.close_if_idle(IDLE_S)

    def _give_back(self) -> None:
        """What was taken and has found no free gateway, or a server that is away: another worker may have one."""
        if self._is_paused or asyncio.get_running_loop().time() > self._given_back_at:
            self._results += [(due, NotTried()) for group in self._waiting for due in group]
            self._waiting.clear()

    def _free_gateways(self) -> list[Gateway]:
        return [gateway for gateway in self._gateways if gateway not in self._lanes.values()]

    def _start_lanes(self) -> None:
        for gateway in self._free_gateways()[: -(-len(self._waiting) // PER_GATEWAY)]:
            lane = asyncio.create_task(self._deliver(gateway))
            lane.add_done_callback(lambda _: self._called.set())
            self._lanes[lane] = gateway

    async def _deliver(self, gateway: Gateway) -> None:
        """One message after the other, while there are any."""
        while self._waiting and not self._is_paused:
            group = self._current[gateway] = self._waiting.popleft()
            outcomes = await self._work.attempt(gateway, group)
            self._results += zip(group, outcomes, strict=True)
            del self._current[gateway]
            if any(isinstance(outcome, NotTried) for outcome in outcomes):
                self._pause = min(self._pause * 2 or 1.0, LONGEST_PAUSE_S)
                self._paused_until = asyncio.get_running_loop().time() + self._pause
            else:
                self._pause = 0.0
            self._called.set()

    def _end_lanes(self) -> None:
        """A message over which an attempt fails in a way of its own backs off like any other."""
        for lane in [lane for lane in self._lanes if lane.done()]:
            gateway = self._lanes.pop(lane)
            if (error := lane.exception()) is not None:
                log("loop.failed", place="attempt", error=error)
                self._results += [(due, Deferred("attempt-failed")) for due in self._current.pop(gateway)]

    async def _settle(self, pool: Pool) -> None:
        """What cannot be settled stays and is settled later."""
        if not self._results:
            return
        results = self._results
        self._results = []
        try:
            await self._work.settle(pool, results)
        except BaseException:
            self._results = results + self._results
            raise
