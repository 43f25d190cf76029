"""The relay's heartbeats: for each partition, the moment up to which all rows have been sent."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiokafka.errors import KafkaError

from shared.contracts.base import HeartbeatSent
from shared.contracts.declarations import Topic
from shared.messaging.outbox.page_sender import LONGEST_ACK_S, PageSender, cloudevents_headers
from shared.messaging.outbox.partitions import TopicPartition, partition_of
from shared.messaging.outbox.producer import MakeProducer, Producer, discard
from shared.messaging.outbox.rows import OutboxReader, Page
from shared.runtime import clock, tracing
from shared.runtime.logs import log
from shared.runtime.tasks import end_tasks


class Heartbeats:
    """Sends heartbeats on some topics every `every_s` seconds, in a separate task, so that the relay does not wait.

    They need no fence: the heartbeat of a former leader names a moment up to which all rows had been sent, and stays
    true.
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
        """Whether heartbeats are due and the last ones have been sent. If so, the interval to the next ones begins."""
        moment = asyncio.get_running_loop().time()
        if not self._topics or moment < self._next or (self._sending is not None and not self._sending.done()):
            return False
        self._next = moment + self._every_s
        return True

    async def send(
        self, reader: OutboxReader, page: Page, counts: Mapping[str, int], unsent: Mapping[TopicPartition, datetime]
    ) -> None:
        """Starts to send a heartbeat to each partition.

        `counts`: the number of partitions of each existing topic. `unsent`: the time at which the oldest unsent row of
        a partition was written.
        """
        moments: dict[TopicPartition, datetime] = {}
        for topic in self._topics:
            if topic.name in counts:
                moments |= await _sent_until(reader, page, topic.name, counts[topic.name])
        until = {partition: min(at, unsent.get(partition, at)) for partition, at in moments.items()}
        self._sending = asyncio.create_task(self._send_all(until))

    async def close(self) -> None:
        """Stops at once."""
        if self._sending is not None:
            await end_tasks([self._sending])
        if self._producer is not None:
            await discard(self._producer)

    async def _send_all(self, until: Mapping[TopicPartition, datetime]) -> None:
        """Sends the heartbeats. If a partition does not acknowledge, discards the producer: none may arrive later."""
        try:
            producer = self._producer or await self._make(None)
            self._producer = producer
            sender = PageSender(producer, self._prefix, self._source)
            acks = [await _send_heartbeat(sender, partition, at) for partition, at in until.items()]
            _, late = await asyncio.wait(acks, timeout=LONGEST_ACK_S)
            all_sent = not late and all(ack.exception() is None for ack in acks)
        except (KafkaError, OSError, TimeoutError) as error:
            log("loop.failed", place="heartbeats", error=error)
            all_sent = False
        if not all_sent and self._producer is not None:
            producer, self._producer = self._producer, None
            await discard(producer)


async def _sent_until(reader: OutboxReader, page: Page, topic: str, partitions: int) -> dict[TopicPartition, datetime]:
    """Returns by partition of a topic when its oldest row beyond the page was written, else when the page was read."""
    all_partitions = [TopicPartition(topic, number) for number in range(partitions)]
    if not page.is_full:
        return dict.fromkeys(all_partitions, page.read_at)
    keys, read_until = await reader.unsent_ahead(topic)
    moments = dict.fromkeys(all_partitions, min(page.read_at, read_until or page.read_at))
    for key, since in keys.items():
        partition = TopicPartition(topic, partition_of(key, partitions))
        moments[partition] = min(since, moments[partition])
    return moments


async def _send_heartbeat(sender: PageSender, partition: TopicPartition, at: datetime) -> asyncio.Future[Any]:
    heartbeat = HeartbeatSent(partition=partition.partition, at=at)
    headers = cloudevents_headers(
        sender.source, str(clock.new_id()), heartbeat.ce_type, clock.now(), heartbeat.key, tracing.new_trace()
    )
    return await sender.send_record(partition, heartbeat.key.encode(), heartbeat.model_dump_json().encode(), headers)
