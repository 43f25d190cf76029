"""Runs the consumers on FastStream without its defaults: no automatic acknowledgement, and a parser of our own.

Offsets are stored in the database (`positions`). FastStream never commits one; `consumer_lag` commits them to the
broker, for the lag that is seen from outside.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
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

from shared.contracts.declarations import Group
from shared.db.errors import ErrorClass, classify_error, is_transient
from shared.errors import CodedError
from shared.messaging import lenient_records
from shared.messaging.batch_plan import Partition
from shared.messaging.connection import faststream_security
from shared.messaging.consumer import Consumer, CopyBehindError, RetryError
from shared.messaging.envelope import Record
from shared.messaging.offsets import OffsetsMovedError
from shared.messaging.positions import Positions
from shared.runtime import linger
from shared.runtime.logs import log, log_limited
from shared.runtime.metrics import RETRIED
from shared.runtime.settings import KafkaSettings

SHORTEST_WAIT_S = 0.05
LONGEST_WAIT_S = 5.0
SHORTEST_LINGER_S = 0.02
LOW_LATENCY_LINGER_S = 0.02
"""For groups whose effects a person awaits at a screen."""
BACKGROUND_FACTOR = 2.5
"""How many times longer a group lingers when no person awaits its effects."""
IDLE_POLL_MS = 1000
LONGEST_WAIT_FOR_COPY_S = 0.5
GRACEFUL_STOP_S = 10.0
"""Longest wait at the end of a worker for the batches in work."""
UNUSABLE_WAIT_S = 0.5
"""Between two looks whether topics that differ from their declaration have been mended."""


async def _keep_raw(records: tuple[Any, ...]) -> KafkaMessage:
    """Passes the records on unparsed.

    FastStream's own parser decodes every header first, and drops the whole batch when one cannot be decoded.
    """
    return KafkaMessage(body=b"", raw_message=records, consumer=FAKE_CONSUMER)


async def _raw_records(message: Any) -> Any:
    """Returns the raw records. The consumer decodes each record separately, so that a bad one affects no other."""
    return message.raw_message


class _SwallowedErrors:
    """A logger for FastStream: logs an error that FastStream caught in our own format, without its text."""

    def log(self, _level: int, _message: Any, /, *, exc_info: Any = None, extra: Any = None) -> None:
        """Logs errors only."""
        if isinstance(exc_info, BaseException):
            log("consumer.failed", error=exc_info)


@dataclass
class ConsumerLoop:
    """The loop of one consumer on its FastStream subscriber.

    `last_progress` is in event loop seconds. `failures`: the number of failed batches in a row. `unprocessed`: the
    offset after the last record of each partition, for a batch that was returned to FastStream and has not been
    processed yet. `lagging_since`: the time from which each topic has had a lag. `committed`: the offsets last
    committed to the broker, of partitions still assigned. `may_read`: whether the topics are as declared.
    """

    consumer: Consumer
    subscriber: BatchSubscriber
    positions: Positions
    shortest_linger_s: float
    longest_linger_s: float
    may_read: Callable[[], bool]
    last_progress: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    failures: int = 0
    in_flight: int = 0
    unprocessed: dict[Partition, int] = field(default_factory=dict)
    lagging_since: dict[str, float] = field(default_factory=dict)
    committed: dict[TopicPartition, int] = field(default_factory=dict)

    async def fetch_batch(self, consumer: AIOKafkaConsumer) -> tuple[Any, ...]:
        """Returns the next records after the stored offsets, as soon as there are some. Logs failures and retries.

        Raises ConsumerStoppedError once the subscriber has stopped.
        """
        while True:
            try:
                if (records := await self._fetch(consumer)) is not None:
                    return records
            except ConsumerStoppedError:
                raise  # ends FastStream's loop
            except asyncio.CancelledError as error:
                # The client also cancels its own waits when a connection ends; FastStream would end the loop.
                if _is_cancelled():
                    raise
                await self._back_off(error)
            except OffsetOutOfRangeError as error:
                self.positions.forget(self._partition(partition) for partition in error.args[0])
            except (NoOffsetForPartitionError, IllegalStateError):
                # A partition has not been sought yet, or the assignment changed in the meantime.
                await asyncio.sleep(SHORTEST_WAIT_S)
            except Exception as error:
                if not isinstance(error, KafkaError) and not is_transient(error):
                    log("consumer.failed", group=self.consumer.name, error=error)
                await self._back_off(error)

    async def _fetch(self, consumer: AIOKafkaConsumer) -> tuple[Any, ...] | None:
        """Returns the records that arrived within a second; None without any, or when the assignment changed.

        Raises ConsumerStoppedError once the subscriber has stopped.
        """
        if not self.subscriber.running:
            raise ConsumerStoppedError
        if not self.may_read():
            self.note_progress()
            await asyncio.sleep(UNUSABLE_WAIT_S)
            return None
        if self.unprocessed:
            await self._reread_unprocessed(consumer)
        now = asyncio.get_running_loop().time()
        await self.positions.store_read(consumer, now)  # first: it forgets partitions that others have moved
        await self.positions.seek_assigned(consumer, now)
        self.positions.resume(consumer)
        try:
            fetched = await consumer.getmany(
                timeout_ms=self.subscriber.batch_timeout_ms, max_records=self.subscriber.max_records
            )
        except BaseException:
            # At a bad record of one partition, the client drops the records that it has taken from others.
            self.positions.seek_stored(consumer)
            raise
        if not fetched or not self.positions.is_current(consumer):
            return None
        self.positions.pause(consumer)
        records = tuple(chain(*fetched.values()))
        self.unprocessed = self._ends(records)
        return records

    async def process_batch(self, records: Sequence[Record]) -> None:
        """Processes one batch. Records that cannot be finished now are read again after a wait."""
        client = self.subscriber.consumer
        assert client is not None
        self.in_flight = len(records)
        started = asyncio.get_running_loop().time()
        read, progress = self._ends(records), self.positions.progress
        before = {partition: progress.next.get(partition) for partition in read}
        try:
            await self.consumer.consume(records, progress)
            self.failures = 0
            self.note_progress()
            await asyncio.sleep(self._linger_s(asyncio.get_running_loop().time() - started))
        except Exception as error:
            if isinstance(error, OffsetsMovedError):
                log("offsets.moved", group=self.consumer.name)
                self.positions.forget(read)
            elif not is_transient(error):
                log("consumer.failed", group=self.consumer.name, error=error)
            if any(progress.next.get(partition) != offset for partition, offset in before.items()):
                self.failures = 0  # a part of the batch was finished
            await self._back_off(error)
        finally:
            # In every case unfinished records are read again; otherwise the next batch would leave a gap.
            self.positions.seek_unfinished(client, read)
            self.unprocessed = {}
            self.in_flight = 0

    async def _reread_unprocessed(self, consumer: AIOKafkaConsumer) -> None:
        """Reads a batch again that FastStream dropped before `process_batch`, so that the next one leaves no gap."""
        unprocessed, self.unprocessed = self.unprocessed, {}
        self.positions.seek_unfinished(consumer, unprocessed)
        await self._back_off(RetryError())

    def note_progress(self) -> None:
        """Notes that this loop is alive; a deliberate wait counts too."""
        self.last_progress = asyncio.get_running_loop().time()

    def _ends(self, records: Sequence[Record]) -> dict[Partition, int]:
        """Returns the offset after the last record of each partition."""
        return {self._partition(record): record.offset + 1 for record in records}

    def _linger_s(self, duration_s: float) -> float:
        """Returns the seconds from the end of a batch until the next one may begin."""
        return max(0.0, linger.interval(duration_s, self.shortest_linger_s, self.longest_linger_s) - duration_s)

    def _partition(self, source: Any) -> Partition:
        """Returns the partition of an aiokafka record or TopicPartition."""
        return Partition(source.topic.removeprefix(self.consumer.prefix), source.partition)

    async def _back_off(self, error: BaseException) -> None:
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
    """Whether the current task is being cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def make_broker(settings: KafkaSettings, service: str) -> KafkaBroker:
    """Makes the FastStream broker of a worker."""
    lenient_records.install()
    return KafkaBroker(
        settings.bootstrap.split(","),  # FastStream takes a text for the address of one broker
        client_id=f"{service}-worker",
        security=faststream_security(settings),
        allow_auto_create_topics=False,
        graceful_timeout=GRACEFUL_STOP_S,
        logger=_SwallowedErrors(),
        apply_types=False,  # injection by type costs each batch a task group and a thread
    )


def subscribe(
    broker: KafkaBroker, consumer: Consumer, settings: KafkaSettings, may_read: Callable[[], bool]
) -> ConsumerLoop:
    """Subscribes one group on the broker; it reads while `may_read` is true.

    Asserts that no default setting can lose a record.
    """
    group = consumer.subscription.group
    subscriber = broker.subscriber(
        *[settings.prefix + topic.name for topic in group.topics],
        group_id=settings.prefix + group.name,
        group_instance_id=f"{settings.prefix}{group.name}-{settings.instance_id}" if settings.instance_id else None,
        batch=True,
        max_records=settings.max_poll_records,
        batch_timeout_ms=IDLE_POLL_MS,
        auto_offset_reset="none",
        parser=_keep_raw,
        decoder=_raw_records,
        ack_policy=AckPolicy.MANUAL,
        max_poll_interval_ms=600_000,
    )
    positions = Positions(consumer.pool, group.name, settings.prefix)
    loop = ConsumerLoop(consumer, subscriber, positions, *_linger_bounds(group, settings), may_read)
    consumer.on_progress = loop.note_progress
    # FastStream's own method sleeps as long as its last empty poll took, and ends at unexpected errors.
    subscriber.get_msg = loop.fetch_batch  # type: ignore[method-assign]

    @subscriber
    async def on_batch(records: Any) -> None:
        await loop.process_batch(records if isinstance(records, tuple) else (records,))

    assert subscriber.ack_policy is AckPolicy.MANUAL, group.name
    assert subscriber._connection_args["enable_auto_commit"] is False, group.name
    assert subscriber._connection_args["auto_offset_reset"] == "none", group.name
    return loop


def _linger_bounds(group: Group, settings: KafkaSettings) -> tuple[float, float]:
    """Returns the shortest and longest time in seconds between the beginnings of two batches."""
    longest = settings.linger_ms / 1000
    if group.is_low_latency:
        return SHORTEST_LINGER_S, min(longest, LOW_LATENCY_LINGER_S)
    if group.is_background:
        return longest * BACKGROUND_FACTOR, longest * BACKGROUND_FACTOR
    return SHORTEST_LINGER_S, longest
