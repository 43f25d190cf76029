"""Transactional producers of the relay's leader: its fence, and its way around a partition that stopped answering.

Starting a producer fences off the earlier one with that transactional id, so a former leader that wakes up can write
nothing. But a transaction can neither commit nor abort while one of its partitions cannot be written: its id is stuck
until the partition is back. The other partitions then continue under the next id (the next *lane*). The partitions that
did not acknowledge are held until their lane has ended its transaction, so that an old record still in flight cannot
arrive after a newer one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError, ProducerFenced

from shared.errors import CodedError
from shared.messaging.outbox.partitions import TopicPartition
from shared.messaging.outbox.producer import MakeProducer, Producer, discard
from shared.runtime.logs import log
from shared.runtime.tasks import end_tasks

LANES = 8
"""The maximum number of lanes; when all are stuck, everything waits for one. Each time that partitions are found
stuck uses up one lane, whatever their number."""
LONGEST_START_S = 5.0
"""A lane that does not end its last transaction within this time is stuck."""
PAUSE_S = 0.5

StoreLane = Callable[[int], Awaitable[None]]
"""Stores that a lane is going to be used, so that the next leader fences it off too."""


class RelayFencedError(CodedError):
    """Another relay of this service leads now."""

    code = "relay-fenced"


@dataclass
class Lane:
    """One transactional id. `producer` is None, and the `held` partitions wait, until its last transaction has
    ended."""

    number: int
    producer: Producer | None = None
    starting: asyncio.Task[Producer] | None = None
    held: set[TopicPartition] = field(default_factory=set)


class Lanes:
    """The lanes of a leader. One is in use at a time."""

    def __init__(self, make: MakeProducer, store_lane: StoreLane) -> None:
        self._make = make
        self._store_lane = store_lane
        self._lanes: list[Lane] = []
        self._in_use: Lane | None = None

    @property
    def producer(self) -> Producer | None:
        """The producer in use; None while all lanes are stuck."""
        return None if self._in_use is None else self._in_use.producer

    async def start(self, used: set[int]) -> None:
        """Fences off every earlier leader: starts lane 0 and the `used` lanes before anything is sent."""
        self._lanes = [Lane(number) for number in sorted({0, *used})]
        for lane in self._lanes:
            self._begin_start(lane)
        await self._wait(list(self._lanes), asyncio.ALL_COMPLETED)
        self._choose()

    async def replace(self, held: set[TopicPartition]) -> None:
        """Discards the producer in use, with its open transaction.

        The partitions in `held` stay held by the lane until that transaction has ended.
        """
        lane = self._in_use
        self._in_use = None
        if lane is None:
            return
        lane.held |= held
        if lane.producer is not None:
            await discard(lane.producer)
            lane.producer = None
        self._begin_start(lane)
        await self._wait([lane], asyncio.ALL_COMPLETED)
        self._choose()
        if self._in_use is None:
            await self._open_another()

    async def release_started(self) -> set[TopicPartition]:
        """Makes lanes that are no longer stuck available again. Returns the partitions that they held."""
        released: set[TopicPartition] = set()
        for lane in self._lanes:
            self._adopt_started(lane)
            if lane.producer is not None and lane.held:
                released |= lane.held
                lane.held = set()
        if self._in_use is None:
            self._choose()
        return released

    async def close(self) -> None:
        """Discards all producers at once."""
        for lane in self._lanes:
            if lane.starting is not None:
                await end_tasks([lane.starting])
            if lane.producer is not None:
                await discard(lane.producer)
        self._lanes, self._in_use = [], None

    def _begin_start(self, lane: Lane) -> None:
        lane.starting = asyncio.create_task(self._start(lane.number))

    async def _start(self, number: int) -> Producer:
        while True:
            try:
                return await self._make(number)
            except ProducerFenced:
                raise
            except (KafkaError, OSError, TimeoutError) as error:
                log("loop.failed", place=f"lane-{number}", error=error)
                await asyncio.sleep(PAUSE_S)

    async def _wait(self, lanes: list[Lane], until: str) -> None:
        starting = {lane.starting for lane in lanes if lane.starting is not None}
        if starting:
            await asyncio.wait(starting, timeout=LONGEST_START_S, return_when=until)
        for lane in lanes:
            self._adopt_started(lane)

    def _adopt_started(self, lane: Lane) -> None:
        if lane.starting is not None and lane.starting.done():
            task, lane.starting = lane.starting, None
            try:
                lane.producer = task.result()
            except ProducerFenced as error:
                raise RelayFencedError from error

    def _choose(self) -> None:
        self._in_use = next((lane for lane in self._lanes if lane.producer is not None), None)

    async def _open_another(self) -> None:
        """Opens another lane, one at a time, so that an outage of the whole broker uses up no lanes."""
        if any(lane.starting is not None and not lane.held for lane in self._lanes):
            return
        number = next((n for n in range(LANES) if n not in {lane.number for lane in self._lanes}), None)
        if number is None:
            return
        await self._store_lane(number)
        lane = Lane(number)
        self._lanes.append(lane)
        self._begin_start(lane)
        await self._wait([lane], asyncio.ALL_COMPLETED)
        self._choose()
