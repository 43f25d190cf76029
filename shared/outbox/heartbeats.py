"""The relay's word, partition by partition, up to when everything has been sent."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiokafka.errors import KafkaError

from shared import clock, tracing
from shared.contracts.base import HeartbeatSent
from shared.contracts.topics import Topic
from shared.outbox.holds import Holds
from shared.outbox.lanes import RelayFencedError
from shared.outbox.partitions import TopicPartition, partition_of
from shared.outbox.producer import Producer
from shared.outbox.rows import OutboxReader, Page
from shared.outbox.sending import FENCED, LONGEST_ACK_S, PageSender, cloudevents_headers, count_partitions


class Heartbeats:
    """Heartbeats on some topics, every `every_s` seconds."""

    def __init__(self, topics: Sequence[Topic], every_s: float) -> None:
        self._topics = topics
        self._every_s = every_s
        self._next = 0.0

    def are_due(self) -> bool:
        """Whether it is time; the next ones are due after this answer."""
        moment = asyncio.get_running_loop().time()
        if not self._topics or moment < self._next:
            return False
        self._next = moment + self._every_s
        return True

    async def send(
        self,
        producer: Producer,
        sender: PageSender,
        reader: OutboxReader,
        page: Page,
        unsent: Mapping[TopicPartition, datetime],
        holds: Holds,
    ) -> dict[TopicPartition, BaseException | None]:
        """Sends to each partition that is not held. `unsent`: partitions whose rows wait, and since when.

        Returns the partitions that did not acknowledge, and why. Raises RelayFencedError.
        """
        acks: dict[TopicPartition, asyncio.Future[Any] | BaseException] = {}
        for topic in self._topics:
            try:
                count = await count_partitions(producer, sender.prefix + topic.name)
            except (KafkaError, TimeoutError):
                continue  # consumers see by the age of their copies; the topic's first row puts it on hold
            moments = await _sent_until(reader, page, topic.name, count)
            for place, at in moments.items():
                if holds.covering(place) is None:
                    acks[place] = await _hand_over(sender, place, min(at, unsent.get(place, at)))
        return await _failed(acks)


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


async def _hand_over(sender: PageSender, place: TopicPartition, at: datetime) -> asyncio.Future[Any] | BaseException:
    heartbeat = HeartbeatSent(partition=place.partition, at=at)
    headers = cloudevents_headers(
        sender.source, str(clock.new_id()), heartbeat.wire, clock.now(), heartbeat.key, tracing.new_trace()
    )
    try:
        return await sender.hand_over(place, heartbeat.key.encode(), heartbeat.model_dump_json().encode(), headers)
    except FENCED as error:
        raise RelayFencedError from error
    except KafkaError as error:
        failure: BaseException = error
        return failure


async def _failed(
    acks: Mapping[TopicPartition, asyncio.Future[Any] | BaseException],
) -> dict[TopicPartition, BaseException | None]:
    futures = {ack for ack in acks.values() if isinstance(ack, asyncio.Future)}
    if futures:
        await asyncio.wait(futures, timeout=LONGEST_ACK_S)
    failed: dict[TopicPartition, BaseException | None] = {}
    for place, ack in acks.items():
        error = ack if isinstance(ack, BaseException) else ack.exception() if ack.done() else None
        if isinstance(error, FENCED):
            raise RelayFencedError from error
        if error is not None or (isinstance(ack, asyncio.Future) and not ack.done()):
            failed[place] = error
    return failed
