"""The delivery loop: takes due messages of a queue, delivers them through a few gateways, and stores the outcomes.

Delivery runs apart from the consumers, so that a slow server delays no partition. Each queue has gateways of its own,
so that no queue delays another. Within a queue a slow message occupies one gateway and delays no other message. After a
crash between a gateway's answer and the commit, a message is sent a second time, under the id of the first.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from services.notify.delivery.domain import Attempt, Deferred, GatewayAnswer, OutgoingMessage, Skipped
from shared.db.pool import TRANSIENT, Pool, wake_in_process
from shared.runtime.logs import log
from shared.runtime.tasks import end_tasks

BATCH_SIZE = 64
MESSAGES_PER_GATEWAY = 8
POLL_S = 1.0
MAX_GATEWAY_WAIT_S = 1.0
"""How long a taken message may wait for a free gateway before it is returned to the queue."""
SETTLE_LINGER_S = 0.05
FINAL_SETTLE_TIMEOUT_S = 1.0
IDLE_TIMEOUT_S = 20.0
MAX_PAUSE_S = 30.0
Due = TypeVar("Due")
Outcome = TypeVar("Outcome")
Group = tuple[Due, ...]
"""What leaves as one message: one message, or several alerts."""


class Gateway(Protocol):
    """Delivers messages, one at a time. A message may come twice with one id; its recipient should receive it once."""

    async def send(self, message: OutgoingMessage) -> GatewayAnswer:
        """Delivers one message. Returns every failure as an answer and raises nothing."""

    def close_if_idle(self, seconds: float) -> None:
        """Releases what has been idle for so many seconds. The delivery loop calls this while its queue is empty."""

    def close(self) -> None:
        """Closes at once, without a goodbye to the server; a later `send` opens the gateway again."""


class Sender(Protocol[Due, Outcome]):
    """How the messages of one queue are taken, attempted and settled."""

    notification: str
    """The database notification that a message was queued."""

    async def take(self, pool: Pool, limit: int, held_for: timedelta) -> Sequence[Group[Due]]:
        """Takes the `limit` longest due; no other sender takes them for `held_for`."""

    async def attempt(self, gateway: Gateway, group: Group[Due]) -> Sequence[Outcome]:
        """Sends a group as one message. Returns an outcome for each member, in the order of the group."""

    async def settle(self, pool: Pool, attempts: Sequence[Attempt[Due, Outcome | Deferred | Skipped]]) -> None:
        """Stores the outcomes of attempts."""


class DeliveryLoop(Generic[Due, Outcome]):
    """Delivers the messages of one queue. `attempt_timeout_s`: the longest duration of one attempt, in seconds."""

    def __init__(self, sender: Sender[Due, Outcome], gateways: Sequence[Gateway], attempt_timeout_s: float) -> None:
        self._sender = sender
        self._gateways = gateways
        self._wake_up = asyncio.Event()
        self._held_for = timedelta(seconds=10 + MAX_GATEWAY_WAIT_S + attempt_timeout_s)
        self._taken: deque[Group[Due]] = deque()
        self._return_at = 0.0
        self._lanes: dict[asyncio.Task[None], Gateway] = {}
        self._in_progress: dict[Gateway, Group[Due]] = {}
        self._attempts: list[Attempt[Due, Outcome | Deferred | Skipped]] = []
        self._pause = 0.0
        self._paused_until = 0.0

    async def run_once(self, pool: Pool) -> None:
        """Settles finished attempts, takes and starts new ones, then waits for the next event for at most a second."""
        try:
            wake_in_process(pool, self._sender.notification, self._on_queued)
            self._collect_lanes()
            self._return_unsent()
            await self._settle(pool)
            await self._take(pool)
            self._start_lanes()
            await self._wait()
        except asyncio.CancelledError:
            await self._stop(pool)
            raise

    async def _stop(self, pool: Pool) -> None:
        """Ends all attempts, and stores finished ones if that is possible at once, so that they are not sent again."""
        await end_tasks(self._lanes)
        for gateway in self._gateways:
            gateway.close()
        with contextlib.suppress(*TRANSIENT):
            await asyncio.wait_for(self._settle(pool), FINAL_SETTLE_TIMEOUT_S)

    def _on_queued(self, _payload: str) -> bool:
        """Wakes the loop when this process queues a message; the loops of other processes poll."""
        self._wake_up.set()
        return True

    async def _wait(self) -> None:
        """Waits until a message was queued or an attempt has ended; then lingers to collect more outcomes."""
        pause = self._paused_until - asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(pause, POLL_S) if pause > 0 else POLL_S):
                await self._wake_up.wait()
        if self._lanes and 0 < len(self._attempts) < BATCH_SIZE:
            await asyncio.wait(self._lanes, timeout=SETTLE_LINGER_S)
        self._wake_up.clear()

    @property
    def _is_paused(self) -> bool:
        return asyncio.get_running_loop().time() < self._paused_until

    async def _take(self, pool: Pool) -> None:
        """Takes messages if a gateway is free and all taken messages have been started."""
        if self._taken or self._is_paused or len(self._lanes) == len(self._gateways):
            return
        self._taken.extend(await self._sender.take(pool, BATCH_SIZE, self._held_for))
        self._return_at = asyncio.get_running_loop().time() + MAX_GATEWAY_WAIT_S
        if not self._taken:
            for gateway in self._free_gateways():
                gateway.close_if_idle(IDLE_TIMEOUT_S)

    def _return_unsent(self) -> None:
        """Returns taken messages to the queue, for other workers, if no gateway is free in time or all are paused."""
        if self._is_paused or asyncio.get_running_loop().time() > self._return_at:
            self._attempts += [Attempt(due, Skipped()) for group in self._taken for due in group]
            self._taken.clear()

    def _free_gateways(self) -> list[Gateway]:
        return [gateway for gateway in self._gateways if gateway not in self._lanes.values()]

    def _start_lanes(self) -> None:
        for gateway in self._free_gateways()[: -(-len(self._taken) // MESSAGES_PER_GATEWAY)]:
            lane = asyncio.create_task(self._deliver(gateway))
            lane.add_done_callback(lambda _: self._wake_up.set())
            self._lanes[lane] = gateway

    async def _deliver(self, gateway: Gateway) -> None:
        """Delivers taken messages through one gateway, one after the other, until none is left."""
        while self._taken and not self._is_paused:
            group = self._in_progress[gateway] = self._taken.popleft()
            outcomes = await self._sender.attempt(gateway, group)
            self._attempts += [Attempt(due, outcome) for due, outcome in zip(group, outcomes, strict=True)]
            del self._in_progress[gateway]
            if any(isinstance(outcome, Skipped) for outcome in outcomes):
                self._pause = min(self._pause * 2 or 1.0, MAX_PAUSE_S)
                self._paused_until = asyncio.get_running_loop().time() + self._pause
            else:
                self._pause = 0.0
            self._wake_up.set()

    def _collect_lanes(self) -> None:
        """Collects lanes that have ended. Defers the messages whose attempt raised an error."""
        for lane in [lane for lane in self._lanes if lane.done()]:
            gateway = self._lanes.pop(lane)
            if (error := lane.exception()) is not None:
                log("loop.failed", place="attempt", error=error)
                self._attempts += [Attempt(due, Deferred("attempt-failed")) for due in self._in_progress.pop(gateway)]

    async def _settle(self, pool: Pool) -> None:
        """Stores the outcomes of finished attempts; keeps them for the next round if that fails."""
        if not self._attempts:
            return
        attempts = self._attempts
        self._attempts = []
        try:
            await self._sender.settle(pool, attempts)
        except BaseException:
            self._attempts = attempts + self._attempts
            raise
