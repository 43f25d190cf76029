"""The consumers on FastStream: never its defaults, always `NACK_ON_ERROR`, batches with our own decoding.

A nack makes the batch come again at once and without limit, so the wait between two tries is ours.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.security import BaseSecurity, SASLScram512

from shared.consuming import Consumer, CopyBehindError
from shared.decoding import Record
from shared.errors import CodedError
from shared.logs import log
from shared.metrics import LAG_RECORDS, LAG_SECONDS, RETRIED
from shared.settings import KafkaSettings

SHORTEST_WAIT_S = 0.05
LONGEST_WAIT_S = 5.0
PROMPT_GATHER_MS = 20
"""Of groups for whose work somebody waits."""
IDLE_LOOK_MS = 1000
LONGEST_WAIT_FOR_COPY_S = 0.5
WAIT_WHEN_STOPPED_S = 30.0


async def _raw(message: Any) -> list[bytes | None]:
    return [record.value for record in message.raw_message]


@dataclass
class Running:
    """A consumer at work: its FastStream subscriber, when it last came round, how often it failed in a row."""

    consumer: Consumer
    subscriber: BatchSubscriber
    gather_s: float
    came_round: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    failures: int = 0
    in_flight: int = 0
    behind_since: dict[str, float] = field(default_factory=dict)

    async def deal(self, records: Sequence[Record]) -> None:
        """One batch. Raises after a wait when it must come again."""
        self.in_flight = len(records)
        started = asyncio.get_running_loop().time()
        try:
            await self.consumer.consume(records)
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                await self._pause(error)
            raise
        finally:
            self.in_flight = 0
        self.failures = 0
        self.beat()
        await asyncio.sleep(max(0.0, started + self.gather_s - asyncio.get_running_loop().time()))

    def beat(self) -> None:
        """This loop is alive; a deliberate wait counts too."""
        self.came_round = asyncio.get_running_loop().time()

    async def _pause(self, error: BaseException) -> None:
        self.beat()
        self.failures += 1
        code = error.code if isinstance(error, CodedError) else type(error).__name__
        RETRIED.labels(self.consumer.name, code).inc()
        longest = LONGEST_WAIT_FOR_COPY_S if isinstance(error, CopyBehindError) else LONGEST_WAIT_S
        wait = min(SHORTEST_WAIT_S * 2 ** min(self.failures, 12), longest) * random.uniform(0.5, 1)
        if self.failures in (1, 10, 100) or self.failures % 1000 == 0:
            log("batch.retried", group=self.consumer.name, attempt=self.failures, error=error)
        await asyncio.sleep(WAIT_WHEN_STOPPED_S if self.consumer.brake.pulled else wait)
        self.beat()


def security_of(settings: KafkaSettings) -> BaseSecurity | None:
    """SASL/SCRAM-SHA-512 where a user is set."""
    if settings.username is None or settings.password is None:
        return None
    return SASLScram512(username=settings.username, password=settings.password.get_secret_value(), use_ssl=False)


def make_broker(settings: KafkaSettings, service: str) -> KafkaBroker:
    """The FastStream broker of a worker."""
    return KafkaBroker(
        settings.bootstrap,
        client_id=f"{service}-worker",
        security=security_of(settings),
        allow_auto_create_topics=False,
        graceful_timeout=10.0,
        logger=None,
    )


def producer_factory(settings: KafkaSettings, service: str) -> Callable[[], Any]:
    """Makes started idempotent producers for the relay; a new one after every fatal error."""

    async def make() -> AIOKafkaProducer:
        sasl: dict[str, Any] = {}
        if settings.username is not None and settings.password is not None:
            sasl = {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": settings.username,
                "sasl_plain_password": settings.password.get_secret_value(),
            }
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap,
            client_id=f"{service}-relay",
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            request_timeout_ms=15_000,
            **sasl,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    return make


def subscribe(broker: KafkaBroker, consumer: Consumer, settings: KafkaSettings) -> Running:
    """Declares one group on the broker and asserts that nothing can be lost by a default."""
    group = consumer.subscription.group
    gather_ms = min(settings.gather_ms, PROMPT_GATHER_MS) if group.is_prompt else settings.gather_ms
    subscriber = broker.subscriber(
        *[settings.prefix + topic.name for topic in group.topics],
        group_id=settings.prefix + group.name,
        group_instance_id=f"{settings.prefix}{group.name}-{settings.slot}" if settings.slot else None,
        batch=True,
        max_records=settings.batch,
        batch_timeout_ms=IDLE_LOOK_MS,
        auto_offset_reset="earliest",
        decoder=_raw,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        max_poll_interval_ms=600_000,
    )
    # FastStream's own sleeps as long as it has waited in vain, whatever comes meanwhile.
    subscriber.get_msg = partial(_next_batch, subscriber)  # type: ignore[method-assign]
    running = Running(consumer, subscriber, gather_ms / 1000)

    @subscriber
    async def on_batch(message: KafkaMessage) -> None:
        records = message.raw_message
        await running.deal(records if isinstance(records, tuple) else (records,))

    assert subscriber.ack_policy is AckPolicy.NACK_ON_ERROR, group.name
    assert subscriber._connection_args["enable_auto_commit"] is False, group.name
    return running


async def _next_batch(subscriber: BatchSubscriber, client: AIOKafkaConsumer) -> tuple[Any, ...]:
    """What there is, as soon as there is something."""
    while True:
        found = await client.getmany(timeout_ms=subscriber.batch_timeout_ms, max_records=subscriber.max_records)
        if found:
            return tuple(chain(*found.values()))


async def observe_lag(running: Running, prefix: str) -> None:
    """Measures how far a group is behind. Coming round with nothing left to do counts as life."""
    client = running.subscriber.consumer
    if client is None:
        return
    try:
        behind = await asyncio.wait_for(_behind(client), 5)
    except (KafkaError, TimeoutError, OSError):
        return
    moment = asyncio.get_running_loop().time()
    for topic in running.consumer.subscription.group.topics:
        count = behind.get(prefix + topic.name, 0) + running.in_flight
        since = running.behind_since.setdefault(topic.name, moment) if count else moment
        if not count:
            running.behind_since.pop(topic.name, None)
        LAG_RECORDS.labels(running.consumer.name, topic.name).set(count)
        LAG_SECONDS.labels(running.consumer.name, topic.name).set(moment - since)
    if client.assignment() and not running.behind_since:
        running.beat()


async def _behind(client: AIOKafkaConsumer) -> dict[str, int]:
    partitions = list(client.assignment())
    ends = await client.end_offsets(partitions) if partitions else {}
    found: dict[str, int] = {}
    for partition in partitions:
        count = max(0, ends[partition] - await client.position(partition))
        found[partition.topic] = found.get(partition.topic, 0) + count
    return found
