"""The consumers on FastStream: never its defaults, always acknowledged by hand, batches with our own parser.

Offsets live in the database (`positions`): FastStream never commits one; the broker is told of them for its lag only.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.security import BaseSecurity, SASLScram512

from shared.contracts.declarations import Group
from shared.db.errors import ErrorClass, classify_error, is_transient
from shared.errors import CodedError
from shared.messaging import lenient_records
from shared.messaging.batch_plan import Partition
from shared.messaging.cluster_id import cluster_id_of
from shared.messaging.consumer import Consumer, CopyBehindError, RetryError
from shared.messaging.envelope import Record
from shared.messaging.offsets import OffsetsMovedError
from shared.messaging.outbox.producer import sasl_options
from shared.messaging.positions import Positions
from shared.runtime import linger
from shared.runtime.logs import log, log_limited
from shared.runtime.metrics import LAG_RECORDS, LAG_SECONDS, RETRIED
from shared.runtime.settings import KafkaSettings

SHORTEST_WAIT_S = 0.05
LONGEST_WAIT_S = 5.0
SHORTEST_LINGER_S = 0.02
LOW_LATENCY_LINGER_S = 0.02
"""Of groups for whose work somebody waits at a screen."""
BACKGROUND_FACTOR = 2.5
"""How much longer groups linger for whose work nobody waits."""
IDLE_POLL_MS = 1000
LONGEST_WAIT_FOR_COPY_S = 0.5


async def _parse(records: tuple[Any, ...]) -> KafkaMessage:
    """FastStream's own parser decodes every header first, and drops the whole batch where one cannot be decoded."""
    return KafkaMessage(body=b"", raw_message=records, consumer=FAKE_CONSUMER)


async def _undecoded(message: Any) -> Any:
    """The consumer decodes each record by itself, so that a bad one costs itself alone."""
    return message.raw_message


class _SwallowedErrors:
    """FastStream's logger: what it catches becomes a line of ours, without its text."""

    def log(self, _level: int, _message: Any, /, *, exc_info: Any = None, extra: Any = None) -> None:
        """Only errors are told."""
        if isinstance(exc_info, BaseException):
            log("consumer.failed", error=exc_info)


@dataclass
class Running:
    """A consumer at work: its FastStream subscriber, when it last came round, how often it failed in a row."""

    consumer: Consumer
    subscriber: BatchSubscriber
    positions: Positions
    shortest_linger_s: float
    longest_linger_s: float
    last_progress: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    failures: int = 0
    in_flight: int = 0
    handed_on: dict[Partition, int] = field(default_factory=dict)
    behind_since: dict[str, float] = field(default_factory=dict)
    committed: dict[Any, int] = field(default_factory=dict)

    async def next_batch(self, consumer: AIOKafkaConsumer) -> tuple[Any, ...]:
        """What there is, as soon as there is something, from the stored offsets on. A failure is told, never raised."""
        while True:
            try:
                if (records := await self._fetch(consumer)) is not None:
                    return records
            except ConsumerStoppedError:
                raise  # ends FastStream's loop
            except asyncio.CancelledError as error:
                # The client also cancels what it waits for when a connection ends; FastStream would end the loop.
                if _is_cancelled():
                    raise
                await self._pause(error)
            except OffsetOutOfRangeError as error:
                self.positions.forget(self._partition(place) for place in error.args[0])
            except (NoOffsetForPartitionError, IllegalStateError):
                # A partition was not sought yet, or the assignment changed meanwhile.
                await asyncio.sleep(SHORTEST_WAIT_S)
            except Exception as error:
                if not isinstance(error, KafkaError) and not is_transient(error):
                    log("consumer.failed", group=self.consumer.name, error=error)
                await self._pause(error)

    async def _fetch(self, consumer: AIOKafkaConsumer) -> tuple[Any, ...] | None:
        """What came within a second; None for nothing, or where the assignment changed meanwhile.

        Raises ConsumerStoppedError once the subscriber has ended.
        """
        if not self.subscriber.running:
            raise ConsumerStoppedError
        if self.handed_on:
            await self._go_back(consumer)
        await self.positions.place(consumer, asyncio.get_running_loop().time())
        self.positions.resume(consumer)
        fetched = await consumer.getmany(
            timeout_ms=self.subscriber.batch_timeout_ms, max_records=self.subscriber.max_records
        )
        if not fetched or not self.positions.is_current(consumer):
            return None
        self.positions.pause(consumer)
        records = tuple(chain(*fetched.values()))
        self.handed_on = self._ends(records)
        return records

    async def deal(self, records: Sequence[Record]) -> None:
        """One batch; what cannot be finished now is read again after a wait."""
        client = self.subscriber.consumer
        assert client is not None
        self.in_flight = len(records)
        started = asyncio.get_running_loop().time()
        read, progress = self._ends(records), self.positions.progress
        stored = {partition: progress.next.get(partition) for partition in read}
        try:
            await self.consumer.consume(records, progress)
            self.failures = 0
            self.note_progress()
            await asyncio.sleep(self._linger(asyncio.get_running_loop().time() - started))
        except Exception as error:
            if isinstance(error, OffsetsMovedError):
                log("offsets.moved", group=self.consumer.name)
                self.positions.forget(read)
            elif not is_transient(error):
                log("consumer.failed", group=self.consumer.name, error=error)
            if any(progress.next.get(partition) != at for partition, at in stored.items()):
                self.failures = 0  # some of it went through
            await self._pause(error)
        finally:
            # Whatever happened: what is not finished is read again, or the next batch would leave a hole.
            self.positions.seek_unfinished(client, read)
            self.handed_on = {}
            self.in_flight = 0

    async def _go_back(self, consumer: AIOKafkaConsumer) -> None:
        """FastStream swallowed a batch before `deal` had it: to go on behind it would leave a hole."""
        handed_on, self.handed_on = self.handed_on, {}
        self.positions.seek_unfinished(consumer, handed_on)
        await self._pause(RetryError())

    def note_progress(self) -> None:
        """This loop is alive; a deliberate wait counts too."""
        self.last_progress = asyncio.get_running_loop().time()

    async def commit_for_lag(self, client: AIOKafkaConsumer) -> None:
        """Tells the broker where the group is, if that has changed."""
        held = client.assignment()
        stored = self.positions.for_lag()
        moved = {place: at for place, at in stored.items() if place in held and self.committed.get(place) != at}
        if moved:
            await client.commit(moved)
            self.committed |= moved

    def _ends(self, records: Sequence[Record]) -> dict[Partition, int]:
        """Behind the last record of each partition."""
        return {self._partition(record): record.offset + 1 for record in records}

    def _linger(self, took: float) -> float:
        """Seconds from the end of a batch until the next one may begin."""
        return max(0.0, linger.interval(took, self.shortest_linger_s, self.longest_linger_s) - took)

    def _partition(self, place: Any) -> Partition:
        return place.topic.removeprefix(self.consumer.prefix), place.partition

    async def _pause(self, error: BaseException) -> None:
        self.note_progress()
        self.failures += 1
        code = error.code if isinstance(error, CodedError) else type(error).__name__
        RETRIED.labels(self.consumer.name, code).inc()
        longest = LONGEST_WAIT_FOR_COPY_S if isinstance(error, CopyBehindError) else LONGEST_WAIT_S
        wait = min(SHORTEST_WAIT_S * 2 ** min(self.failures, 12), longest) * random.uniform(0.5, 1)
        if self.failures in (1, 10, 100) or self.failures % 1000 == 0:
            log("batch.retried", group=self.consumer.name, attempt=self.failures, error=error)
        if isinstance(error, Exception) and classify_error(error) is ErrorClass.ALARM:
            log_limited("database.damaged", error, group=self.consumer.name)
        await asyncio.sleep(wait)
        self.note_progress()


def _is_cancelled() -> bool:
    """Whether this task was asked to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def security_of(settings: KafkaSettings) -> BaseSecurity | None:
    """SASL/SCRAM-SHA-512 where a user is set."""
    if settings.username is None or settings.password is None:
        return None
    return SASLScram512(username=settings.username, password=settings.password.get_secret_value(), use_ssl=False)


def make_broker(settings: KafkaSettings, service: str) -> KafkaBroker:
    """The FastStream broker of a worker."""
    lenient_records.install()
    return KafkaBroker(
        settings.bootstrap,
        client_id=f"{service}-worker",
        security=security_of(settings),
        allow_auto_create_topics=False,
        graceful_timeout=10.0,
        logger=_SwallowedErrors(),
        apply_types=False,  # what it injects by type costs each batch a task group and a thread
    )


async def fetch_cluster_id(settings: KafkaSettings) -> str:
    """The id that the Kafka cluster was formatted with: offsets count in that cluster alone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap, **sasl_options(settings))
    try:
        await admin.start()
        return await cluster_id_of(admin)
    finally:
        await admin.close()


def subscribe(broker: KafkaBroker, consumer: Consumer, settings: KafkaSettings) -> Running:
    """Declares one group on the broker and asserts that nothing can be lost by a default."""
    group = consumer.subscription.group
    subscriber = broker.subscriber(
        *[settings.prefix + topic.name for topic in group.topics],
        group_id=settings.prefix + group.name,
        group_instance_id=f"{settings.prefix}{group.name}-{settings.instance_id}" if settings.instance_id else None,
        batch=True,
        max_records=settings.max_poll_records,
        batch_timeout_ms=IDLE_POLL_MS,
        auto_offset_reset="none",
        parser=_parse,
        decoder=_undecoded,
        ack_policy=AckPolicy.MANUAL,
        max_poll_interval_ms=600_000,
    )
    positions = Positions(consumer.pool, group.name, settings.prefix)
    running = Running(consumer, subscriber, positions, *_linger_bounds(group, settings))
    consumer.on_progress = running.note_progress
    # FastStream's own sleeps as long as it has waited in vain, and dies of what it does not expect.
    subscriber.get_msg = running.next_batch  # type: ignore[method-assign]

    @subscriber
    async def on_batch(records: Any) -> None:
        await running.deal(records if isinstance(records, tuple) else (records,))

    assert subscriber.ack_policy is AckPolicy.MANUAL, group.name
    assert subscriber._connection_args["enable_auto_commit"] is False, group.name
    assert subscriber._connection_args["auto_offset_reset"] == "none", group.name
    return running


def _linger_bounds(group: Group, settings: KafkaSettings) -> tuple[float, float]:
    """The shortest and longest time between the beginnings of two batches."""
    longest = settings.linger_ms / 1000
    if group.is_low_latency:
        return SHORTEST_LINGER_S, min(longest, LOW_LATENCY_LINGER_S)
    if group.is_background:
        return longest * BACKGROUND_FACTOR, longest * BACKGROUND_FACTOR
    return SHORTEST_LINGER_S, longest


async def observe_lag(running: Running, prefix: str) -> None:
    """Measures how far a group is behind. Coming round with nothing left to do counts as life."""
    client = running.subscriber.consumer
    if client is None:
        return
    try:
        await asyncio.wait_for(running.commit_for_lag(client), 5)
        behind = await asyncio.wait_for(_behind(client, running), 5)
    except (KafkaError, TimeoutError, OSError):
        return
    moment = asyncio.get_running_loop().time()
    for topic in running.consumer.subscription.group.topics:
        count = behind.get(prefix + topic.name, 0)
        since = running.behind_since.setdefault(topic.name, moment) if count else moment
        if not count:
            running.behind_since.pop(topic.name, None)
        LAG_RECORDS.labels(running.consumer.name, topic.name).set(count)
        LAG_SECONDS.labels(running.consumer.name, topic.name).set(moment - since)
    if client.assignment() and not running.behind_since:
        running.note_progress()


async def _behind(client: AIOKafkaConsumer, running: Running) -> dict[str, int]:
    """Per topic, how many offsets lie between where the group goes on and the end of its partitions."""
    places = {place: at for place, at in running.positions.for_lag().items() if place in client.assignment()}
    ends = await client.end_offsets(list(places)) if places else {}
    found: dict[str, int] = {}
    for place, at in places.items():
        # The markers of transactions, which nobody is given, lie between the last record and the end.
        read_to = at if running.in_flight else max(at, await client.position(place))
        unfinished = ends[place] - read_to
        found[place.topic] = found.get(place.topic, 0) + max(0, unfinished)
    return found
