"""Partitions that cannot be written now: reason, beginning, time of the next attempt, and the alarm."""

import asyncio
from dataclasses import dataclass

from shared.messaging.outbox.partitions import TopicPartition
from shared.runtime.logs import log
from shared.runtime.metrics import OUTBOX_HELD

SHORTEST_HOLD_S = 1.0
LONGEST_HOLD_S = 60.0
ALARM_EVERY_S = 60.0
ALL_PARTITIONS = -1
"""Replaces a partition's number when the topic is missing, or when this service may not write it."""


@dataclass
class Hold:
    """The reason for holding a partition. `since` and `retry_at` (None: awaits its release) are event loop seconds."""

    code: str
    since: float
    tries: int
    retry_at: float | None


class Holds:
    """The held partitions of a leader."""

    def __init__(self) -> None:
        self._holds: dict[TopicPartition, Hold] = {}
        self._next_alarm = 0.0

    def covering(self, partition: TopicPartition) -> TopicPartition | None:
        """Returns the hold that applies to a partition: its own or that of the whole topic. None without one."""
        if not self._holds:
            return None
        if partition in self._holds:
            return partition
        whole = TopicPartition(partition.topic, ALL_PARTITIONS)
        return whole if whole in self._holds else None

    def hold(self, partition: TopicPartition, code: str, *, is_released: bool = False) -> None:
        """Holds a partition. It is due for a retry after 1 s, then 2 s and so on, up to 60 s.

        `is_released`: it is never due, because its caller releases it.
        """
        now = asyncio.get_running_loop().time()
        previous = self._holds.get(partition)
        tries = previous.tries + 1 if previous else 0
        wait = min(SHORTEST_HOLD_S * 2 ** min(tries, 10), LONGEST_HOLD_S)
        self._holds[partition] = Hold(
            code, previous.since if previous else now, tries, None if is_released else now + wait
        )
        if previous is None:
            log("partition.held", topic=partition.topic, partition=partition.partition, code=code)
            self._count(partition.topic)

    def due(self) -> list[TopicPartition]:
        """Returns the partitions that are to be tried again now."""
        now = asyncio.get_running_loop().time()
        return [
            partition for partition, hold in self._holds.items() if hold.retry_at is not None and hold.retry_at <= now
        ]

    def release(self, partition: TopicPartition) -> None:
        """Ends the hold of a partition that can be written again."""
        hold = self._holds.pop(partition, None)
        if hold is not None:
            seconds = asyncio.get_running_loop().time() - hold.since
            log("partition.released", topic=partition.topic, partition=partition.partition, seconds=round(seconds, 1))
            self._count(partition.topic)

    def log_alarm(self) -> None:
        """Logs the held partitions, once a minute."""
        now = asyncio.get_running_loop().time()
        if not self._holds or now < self._next_alarm:
            return
        self._next_alarm = now + ALARM_EVERY_S
        for partition, hold in sorted(self._holds.items()):
            seconds = round(now - hold.since, 1)
            log("partition.held", topic=partition.topic, partition=partition.partition, code=hold.code, seconds=seconds)

    def clear(self) -> None:
        """Ends all holds, as the leader steps down."""
        for partition in list(self._holds):
            del self._holds[partition]
            self._count(partition.topic)

    def _count(self, topic: str) -> None:
        OUTBOX_HELD.labels(topic).set(sum(partition.topic == topic for partition in self._holds))
