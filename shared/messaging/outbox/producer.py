"""The relay's producers: transactional, with one id for each service and lane, and replaced after each error."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    BrokerResponseError,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    UnsupportedForMessageFormatError,
    kafka_errors,
)

from shared.messaging.connection import aiokafka_options
from shared.runtime.settings import KafkaSettings

LARGEST_REQUEST: Final = 1_048_576
"""Bytes of one record with its headers; the default `max.message.bytes` of brokers and topics is a little more."""
REQUEST_TIMEOUT_MS = 15_000
TRANSACTION_TIMEOUT_MS = 60_000
LONGEST_END_S = 2.0


class InvalidRecordError(BrokerResponseError):  # type: ignore[misc]  # aiokafka is untyped
    """The broker's validation refuses the record (Kafka's INVALID_RECORD, which aiokafka does not know)."""

    errno = 87
    message = "INVALID_RECORD"


PERMANENT_REFUSALS: dict[type[BaseException], str] = {
    MessageSizeTooLargeError: "record-too-large",
    RecordListTooLargeError: "record-too-large",
    InvalidTimestampError: "timestamp-invalid",
    UnsupportedForMessageFormatError: "record-invalid",
    InvalidRecordError: "record-invalid",
}
"""The broker's errors for records that it refuses for good, and the code under which such a record is stored."""


class Producer(Protocol):
    """The part of an aiokafka producer that the relay uses."""

    client: Any

    async def send(self, topic: str, value: bytes | None, **options: Any) -> asyncio.Future[Any]:
        """Buffers one record; the future is done when the broker has acknowledged it."""

    async def partitions_for(self, topic: str) -> set[int]:
        """Returns the numbers of a topic's partitions."""

    async def begin_transaction(self) -> None:
        """Begins a transaction; the broker learns of it with the first record."""

    async def commit_transaction(self) -> None:
        """Commits the open transaction."""

    async def stop(self) -> None:
        """Flushes and closes the producer."""


MakeProducer = Callable[[int | None], Awaitable[Producer]]
"""Makes and starts the producer of a lane, which fences off every earlier producer of that lane. None: a plain
idempotent producer, for heartbeats."""


def transactional_id(prefix: str, service: str, lane: int = 0) -> str:
    """Returns the transactional id of a lane of a service's relay. Only lane 0 is used as long as nothing is stuck."""
    return f"{prefix}{service}-relay" + (f"-{lane}" if lane else "")


def producer_factory(settings: KafkaSettings, service: str) -> MakeProducer:
    """Returns a function that makes the relay's producers."""
    kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)

    async def make(lane: int | None) -> AIOKafkaProducer:
        fence: dict[str, Any] = {"enable_idempotence": True}
        if lane is not None:
            fence |= {
                "transactional_id": transactional_id(settings.prefix, service, lane),
                "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS,
            }
        producer = AIOKafkaProducer(
            client_id=f"{service}-relay",
            **fence,
            acks="all",
            compression_type="lz4",
            max_request_size=LARGEST_REQUEST,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            **aiokafka_options(settings),
        )
        try:
            await producer.start()
        except BaseException:
            await discard(producer)
            raise
        return producer

    return make


async def discard(producer: Any) -> None:
    """Stops a producer at once; it sends nothing afterwards.

    aiokafka's own `stop` waits until every buffered record is acknowledged, and a sender that is left running retries
    for ever.
    """
    sender = getattr(producer, "_sender", None)
    task = None if sender is None else sender.sender_task
    while task is not None and not task.done():  # the first cancellation waits for open requests, the second does not
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
    producer._closed = True  # keeps its destructor from complaining
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(producer.client.close(), LONGEST_END_S)
