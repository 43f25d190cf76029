"""How far the consumer groups of a worker lag behind the ends of their topics: measured here, and shown by the broker.

The offsets that count stand in the database (`positions`). The broker gets them too, so that autoscalers and operators
see a group's lag without asking a worker; no worker ever reads them.
"""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.messaging.subscriber import ConsumerLoop
from shared.runtime.metrics import LAG_RECORDS, LAG_SECONDS

ANSWER_WITHIN_S = 5.0


async def commit_offsets(loop: ConsumerLoop) -> None:
    """Commits the offsets that have changed since the last call to the broker, also of partitions never read.

    A commit that fails is made by the next call.
    """
    client = loop.subscriber.consumer
    if client is None:
        return
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            offsets = await _read_to(client, loop)
            moved = {
                partition: offset for partition, offset in offsets.items() if loop.committed.get(partition) != offset
            }
            if moved:
                await client.commit(moved)
    except (KafkaError, TimeoutError, OSError):
        return
    loop.committed = offsets


async def observe_lag(loop: ConsumerLoop, prefix: str) -> None:
    """Measures the lag of a group. A group without a lag counts as alive."""
    client = loop.subscriber.consumer
    if client is None:
        return
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            lags = await _lag_by_topic(client, loop)
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
    positions = await _read_to(client, loop)
    ends = await client.end_offsets(list(positions)) if positions else {}
    lag: dict[str, int] = {}
    for partition, offset in positions.items():
        lag[partition.topic] = lag.get(partition.topic, 0) + max(0, ends[partition] - offset)
    return lag


async def _read_to(client: AIOKafkaConsumer, loop: ConsumerLoop) -> dict[TopicPartition, int]:
    """Returns the offset up to which each assigned partition is finished.

    Transaction markers, which the client does not return, may lie between the last record and the end: without a batch
    in work the client's own position, which is behind them, counts.
    """
    offsets = loop.positions.assigned_offsets(client)
    if loop.in_flight or loop.unprocessed:
        return offsets
    return {partition: max(offset, await client.position(partition)) for partition, offset in offsets.items()}
