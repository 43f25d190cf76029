"""How much the topics of a service hold, and how far its whole consumer groups lag, whatever worker is asked.

A worker's metrics know the partitions of that worker alone. Here the stored offsets of all members count, and the age
of the oldest record that a group has not read. No record's content is looked at.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request
from pydantic import BaseModel

from shared.contracts.declarations import Group, Principal
from shared.db.pool import Pool
from shared.errors import TransientError, UncheckableError
from shared.http.app import AuthenticatedCaller
from shared.messaging import offsets
from shared.messaging.connection import aiokafka_options
from shared.messaging.outbox.lost import TopicLog, log_factory, topics_of
from shared.messaging.outbox.partitions import TopicPartition
from shared.runtime import clock
from shared.runtime.settings import KafkaSettings

READ_WITHIN_S: Final = 10.0
"""Longest wait for the oldest unread records; what is not there by then has no age."""
LARGEST_FETCH: Final = 4 * 1024 * 1024
"""Bytes that a broker returns at once, however many partitions lag."""


class TopicSize(BaseModel):
    """A topic that the service writes. `records`: offsets that its partitions hold, with transaction markers."""

    topic: str
    partitions: int
    records: int


class GroupLag(BaseModel):
    """A group's lag on one topic: offsets that it has not read, and the age in seconds of the oldest unread record.

    `seconds_behind`: 0 without a lag; null if the broker did not return that record in time.
    """

    group: str
    topic: str
    lag: int
    seconds_behind: float | None


class ServiceTopics(BaseModel):
    """What a worker says of the topics that its service writes, and of the groups by which it reads."""

    topics: list[TopicSize]
    lags: list[GroupLag]


def add_topic_routes(app: FastAPI, service: Principal, groups: Sequence[Group], settings: KafkaSettings) -> None:
    """Adds the route to a worker's app. Its callers need the scope `operations`."""

    async def list_topics(request: Request, caller: AuthenticatedCaller) -> ServiceTopics:
        """Lists the topics of this service and the lags of its groups. Raises UncheckableError without a broker."""
        caller.require("operations")
        try:
            return await measure(request.app.state.pool, service, groups, settings)
        except (KafkaError, TransientError) as error:
            raise UncheckableError from error

    app.add_api_route("/topics", list_topics, methods=["GET"])


async def measure(pool: Pool, service: str, groups: Sequence[Group], settings: KafkaSettings) -> ServiceTopics:
    """Returns sizes and lags. Raises KafkaError, BrokerUnreachableError."""
    async with log_factory(settings, service)() as topic_log:
        sizes = await _sizes(topic_log, service)
        lags = [lag for group in groups for lag in await _lags(pool, topic_log, group, settings)]
    return ServiceTopics(topics=sizes, lags=lags)


async def _sizes(topic_log: TopicLog, service: str) -> list[TopicSize]:
    ends = await topic_log.ends(topics_of(service))
    begins = await topic_log.begins(list(ends))
    sizes = []
    for topic in topics_of(service):
        places = [place for place in ends if place.topic == topic.name]
        records = sum(ends[place] - begins[place] for place in places)
        sizes.append(TopicSize(topic=topic.name, partitions=len(places), records=records))
    return sizes


async def _lags(pool: Pool, topic_log: TopicLog, group: Group, settings: KafkaSettings) -> list[GroupLag]:
    async with pool.acquire() as connection:  # before the ends, which a member may pass meanwhile
        rows = await offsets.load_offsets(connection, group.name)
    ends = await topic_log.ends(group.topics)
    begins = await topic_log.begins(list(ends))
    starts = dict(begins)
    for (name, number), stored in rows.items():
        place = TopicPartition(name, number)
        if stored.cluster_id == topic_log.cluster_id and place in ends:
            starts[place] = max(stored.next, begins[place])
    lagging = {place: start for place, start in starts.items() if start < ends[place]}
    ages = await _ages(lagging, ends, settings)
    lags = []
    for topic in group.topics:
        # Where only transaction markers follow, the group has read everything.
        places = [place for place in lagging if place.topic == topic.name and ages[place] != 0]
        seconds = [ages[place] for place in places]
        lags.append(
            GroupLag(
                group=group.name,
                topic=topic.name,
                lag=sum(ends[place] - lagging[place] for place in places),
                seconds_behind=None if None in seconds else max((age for age in seconds if age), default=0.0),
            )
        )
    return lags


async def _ages(
    starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], settings: KafkaSettings
) -> dict[TopicPartition, float | None]:
    """Returns the age in seconds of the first record from each of these offsets on; 0 where none is before the end."""
    ages: dict[TopicPartition, float | None] = dict.fromkeys(starts)
    if not starts:
        return ages
    places = {KafkaPartition(settings.prefix + place.topic, place.partition): place for place in starts}
    consumer = AIOKafkaConsumer(
        **aiokafka_options(settings),
        enable_auto_commit=False,
        isolation_level="read_uncommitted",
        fetch_max_bytes=LARGEST_FETCH,
    )
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            await consumer.start()
            consumer.assign(list(places))
            for partition, place in places.items():
                consumer.seek(partition, starts[place])
            await _read_first(consumer, places, ends, ages)
    except TimeoutError:
        pass
    finally:
        await consumer.stop()
    return ages


async def _read_first(
    consumer: AIOKafkaConsumer,
    places: Mapping[KafkaPartition, TopicPartition],
    ends: Mapping[TopicPartition, int],
    ages: dict[TopicPartition, float | None],
) -> None:
    waiting = set(places)
    while waiting:
        pages = await consumer.getmany(*waiting, timeout_ms=200, max_records=len(waiting))
        for partition, records in pages.items():
            age = clock.now().timestamp() - records[0].timestamp / 1000
            ages[places[partition]] = max(age, 0.001)
            waiting.discard(partition)
            consumer.pause(partition)
        for partition in list(waiting):
            if await consumer.position(partition) >= ends[places[partition]]:
                ages[places[partition]] = 0.0
                waiting.discard(partition)
