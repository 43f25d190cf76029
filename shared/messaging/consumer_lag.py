"""Measures how far the consumer groups of a worker lag behind the ends of their topics."""

import asyncio

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared.messaging.subscriber import ConsumerLoop
from shared.runtime.metrics import LAG_RECORDS, LAG_SECONDS


async def observe_lag(loop: ConsumerLoop, prefix: str) -> None:
    """Measures the lag of a group. A group without a lag counts as alive."""
    client = loop.subscriber.consumer
    if client is None:
        return
    try:
        await asyncio.wait_for(loop.commit_for_lag(client), 5)
        lags = await asyncio.wait_for(_lag_by_topic(client, loop), 5)
    except (KafkaError, TimeoutError, OSError):
        return
    moment = asyncio.get_running_loop().time()
    for topic in loop.consumer.subscription.group.topics:
        count = lags.get(prefix + topic.name, 0)
        since = loop.lagging_since.setdefault(topic.name, moment) if count else moment
        if not count:
            loop.lagging_since.pop(topic.name, None)
        LAG_RECORDS.labels(loop.consumer.name, topic.name).set(count)
        LAG_SECONDS.labels(loop.consumer.name, topic.name).set(moment - since)
    if client.assignment() and not loop.lagging_since:
        loop.note_progress()


async def _lag_by_topic(client: AIOKafkaConsumer, loop: ConsumerLoop) -> dict[str, int]:
    """Returns, for each topic, the number of offsets between the group's positions and the ends of its partitions."""
    assignment = client.assignment()
    positions = {
        partition: offset for partition, offset in loop.positions.offsets_for_lag().items() if partition in assignment
    }
    ends = await client.end_offsets(list(positions)) if positions else {}
    lag: dict[str, int] = {}
    for partition, offset in positions.items():
        # Transaction markers, which the client does not return, may lie between the last record and the end.
        read_to = offset if loop.in_flight else max(offset, await client.position(partition))
        lag[partition.topic] = lag.get(partition.topic, 0) + max(0, ends[partition] - read_to)
    return lag
