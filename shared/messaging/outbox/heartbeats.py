"""The relay's word, partition by partition, up to when everything has been sent."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiokafka.errors import KafkaError

from shared.contracts.base import HeartbeatSent
from shared.contracts.declarations import Topic
from shared.messaging.outbox.partitions import TopicPartition, partition_of
from shared.messaging.outbox.producer import MakeProducer, Producer, discard
from shared.messaging.outbox.rows import OutboxReader, Page
from shared.messaging.outbox.sending import LONGEST_ACK_S, PageSender, cloudevents_headers
from shared.runtime import clock, tracing
from shared.runtime.logs import log
from shared.runtime.tasks import end_tasks


class Heartbeats:
    """Heartbeats on some topics, every `every_s` seconds, beside the rows: the relay does not wait for them.

    They need no fence: one of a former leader names a moment until which everything had been sent, and stays true.
    """

    def __init__(self, make: MakeProducer, topics: Sequence[Topic], every_s: float, prefix: str, source: bytes) -> None:
        self._make = make
        self._topics = topics
        self._every_s = every_s
        self._prefix, self._source = prefix, source
        self._next = 0.0
        self._producer: Producer | None = None
        self._sending: asyncio.Task[None] | None = None

    def are_due(self) -> bool:
        """Whether it is time, and the last ones are out; the next ones are due after this answer."""
        moment = asyncio.get_running_loop().time()
        if not self._topics or moment < self._next or (self._sending is not None and not self._sending.done()):
            return False
        self._next = moment + self._every_s
        return True

    async def send(
        self, reader: OutboxReader, page: Page, counts: Mapping[str, int], unsent: Mapping[TopicPartition, datetime]
    ) -> None:
        """Begins to send to each partition.

        `counts`: partitions of each topic that is there; `unsent`: partitions whose rows wait, and since when.
        """
        moments: dict[TopicPartition, datetime] = {}
        for topic in self._topics:
            if topic.name in counts:
                moments |= await _sent_until(reader, page, topic.name, counts[topic.name])
        until = {place: min(at, unsent.get(place, at)) for place, at in moments.items()}
        self._sending = asyncio.create_task(self._send_all(until))

    async def close(self) -> None:
        """Ends at once."""
        if self._sending is not None:
            await end_tasks([self._sending])
        if self._producer is not None:
            await discard(self._producer)

    async def _send_all(self, until: Mapping[TopicPartition, datetime]) -> None:
        """A partition that does not answer costs the producer: its record must not arrive whenever it likes."""
        try:
            producer = self._producer or await self._make(None)
            self._producer = producer
            sender = PageSender(producer, self._prefix, self._source)
            acks = [await _hand_over(sender, place, at) for place, at in until.items()]
            _, late = await asyncio.wait(acks, timeout=LONGEST_ACK_S)
            is_whole = not late and all(ack.exception() is None for ack in acks)
        except (KafkaError, OSError, TimeoutError) as error:
            log("loop.failed", place="heartbeats", error=error)
            is_whole = False
        if not is_whole and self._producer is not None:
            producer, self._producer = self._producer, None
            await discard(producer)


async def _sent_until(reader: OutboxReader, page: Page, topic: str, partitions: int) -> dict[TopicPartition, datetime]:
    """Per partition of a topic: when its oldest row was written that lies beyond the page; else when it was read."""
    places = [TopicPartition(topic, number) for number in range(partitions)]
    if not page.is_full:
        return dict.fromkeys(places, page.read_at)
    keys, looked_until = await reader.unsent_ahead(topic)
    moments = dict.fromkeys(places, min(page.read_at, looked_until or page.read_at))
    for key, since in keys.items():
        place = TopicPartition(topic, partition_of(key, partitions))
        moments[place] = min(since, moments[place])
    return moments


async def _hand_over(sender: PageSender, place: TopicPartition, at: datetime) -> asyncio.Future[Any]:
    heartbeat = HeartbeatSent(partition=place.partition, at=at)
    headers = cloudevents_headers(
        sender.source, str(clock.new_id()), heartbeat.ce_type, clock.now(), heartbeat.key, tracing.new_trace()
    )
    return await sender.hand_over(place, heartbeat.key.encode(), heartbeat.model_dump_json().encode(), headers)
