"""Partitions that cannot be written now: what is held, since when, when it is tried again, and the alarm."""

import asyncio
from dataclasses import dataclass

from shared.messaging.outbox.partitions import TopicPartition
from shared.runtime.logs import log
from shared.runtime.metrics import OUTBOX_HELD

SHORTEST_HOLD_S = 1.0
LONGEST_HOLD_S = 60.0
ALARM_EVERY_S = 60.0
ALL_PARTITIONS = -1
"""In place of a partition's number: the topic is missing, or may not be written by this service."""


@dataclass
class Hold:
    """Why a partition is held. `retry_at` (event loop seconds) is None where it waits for its lane."""

    code: str
    since: float
    tries: int
    retry_at: float | None


class Holds:
    """The partitions that are held."""

    def __init__(self) -> None:
        self._holds: dict[TopicPartition, Hold] = {}
        self._next_alarm = 0.0

    def covering(self, place: TopicPartition) -> TopicPartition | None:
        """The hold that a partition falls under: its own, or that of the whole topic."""
        if not self._holds:
            return None
        if place in self._holds:
            return place
        whole = TopicPartition(place.topic, ALL_PARTITIONS)
        return whole if whole in self._holds else None

    def hold(self, place: TopicPartition, code: str, *, for_lane: bool = False) -> None:
        """Holds a partition until it is released; each hold in a row lasts twice as long, 1 s to 60 s."""
        now = asyncio.get_running_loop().time()
        known = self._holds.get(place)
        tries = known.tries + 1 if known else 0
        wait = min(SHORTEST_HOLD_S * 2 ** min(tries, 10), LONGEST_HOLD_S)
        self._holds[place] = Hold(code, known.since if known else now, tries, None if for_lane else now + wait)
        if known is None:
            log("partition.held", topic=place.topic, partition=place.partition, code=code)
            self._count(place.topic)

    def due(self) -> list[TopicPartition]:
        """What is to be tried again now."""
        now = asyncio.get_running_loop().time()
        return [place for place, hold in self._holds.items() if hold.retry_at is not None and hold.retry_at <= now]

    def release(self, place: TopicPartition) -> None:
        """It can be written again."""
        hold = self._holds.pop(place, None)
        if hold is not None:
            seconds = asyncio.get_running_loop().time() - hold.since
            log("partition.released", topic=place.topic, partition=place.partition, seconds=round(seconds, 1))
            self._count(place.topic)

    def alarm(self) -> None:
        """Says once a minute what is held."""
        now = asyncio.get_running_loop().time()
        if not self._holds or now < self._next_alarm:
            return
        self._next_alarm = now + ALARM_EVERY_S
        for place, hold in sorted(self._holds.items()):
            seconds = round(now - hold.since, 1)
            log("partition.held", topic=place.topic, partition=place.partition, code=hold.code, seconds=seconds)

    def clear(self) -> None:
        """The leader steps down."""
        for place in list(self._holds):
            del self._holds[place]
            self._count(place.topic)

    def _count(self, topic: str) -> None:
        OUTBOX_HELD.labels(topic).set(sum(place.topic == topic for place in self._holds))
