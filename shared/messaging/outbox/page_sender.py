"""Sends a page of rows in a leader's open transaction and returns the outcome of each partition."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import orjson
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidTopicError,
    KafkaError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from shared.messaging.message_spans import record_sends
from shared.messaging.outbox.lanes import RelayFencedError
from shared.messaging.outbox.partitions import TopicPartition
from shared.messaging.outbox.producer import PERMANENT_REFUSALS, Producer
from shared.runtime import spans

LONGEST_ACK_S = 5.0
"""A partition that has not acknowledged within this time is held."""
LONGEST_LOOKUP_S = 1.0
UNWRITABLE = (TopicAuthorizationFailedError, UnknownTopicOrPartitionError, InvalidTopicError)
FENCED = (ProducerFenced, InvalidProducerEpoch)


class SentRow(NamedTuple):
    """An acknowledged row: its id in the outbox and its offset on the topic."""

    id: int
    offset: int


class RefusedRow(NamedTuple):
    """A row that the broker refuses for good, and the error code."""

    row: asyncpg.Record
    code: str


@dataclass
class PageOutcome:
    """The outcome of sending a page.

    `unsent`: for each partition with rows that must be sent again, the time at which the oldest was written. `failed`:
    partitions that did not acknowledge, with the error (None: no answer in time); after such a failure the transaction
    cannot be trusted.
    """

    sent: dict[TopicPartition, list[SentRow]] = field(default_factory=dict)
    refused: list[RefusedRow] = field(default_factory=list)
    unsent: dict[TopicPartition, datetime] = field(default_factory=dict)
    failed: dict[TopicPartition, BaseException | None] = field(default_factory=dict)
    row_by_row: set[TopicPartition] = field(default_factory=set)
    """Partitions in which one of several rows is refused. They are sent row by row until that row is identified."""


async def count_partitions(producer: Producer, topic: str) -> int:
    """Returns the number of partitions of a topic (with prefix). Raises KafkaError, TimeoutError."""
    partitions = producer.client.cluster.partitions_for_topic(topic)
    if partitions is None:
        partitions = await asyncio.wait_for(producer.partitions_for(topic), LONGEST_LOOKUP_S)
    return len(partitions)


class PageSender:
    """Sends rows with one producer."""

    def __init__(self, producer: Producer, prefix: str, source: bytes) -> None:
        self._producer = producer
        self.prefix = prefix
        self.source = source

    async def send(self, rows: Sequence[tuple[TopicPartition, asyncpg.Record]]) -> PageOutcome:
        """Sends the rows in their order and waits for the acknowledgements. Raises RelayFencedError."""
        started = time.perf_counter()
        acks: dict[TopicPartition, list[tuple[asyncpg.Record, asyncio.Future[Any] | BaseException]]] = {}
        for partition, row in rows:
            row_acks = acks.setdefault(partition, [])
            if row_acks and isinstance(row_acks[-1][1], BaseException):
                continue  # behind a row that could not be buffered
            row_acks.append((row, await self._send_row(partition, row)))
        futures = {ack for row_acks in acks.values() for _, ack in row_acks if isinstance(ack, asyncio.Future)}
        if futures:
            await asyncio.wait(futures, timeout=LONGEST_ACK_S)
        outcome = PageOutcome()
        for partition, row_acks in acks.items():
            self._add_outcome(outcome, partition, row_acks)
        for partition, row in rows:
            if partition in outcome.failed or partition in outcome.row_by_row:
                outcome.unsent.setdefault(partition, row["created_at"])
        if spans.is_enabled():
            sent = {each.id for sent_rows in outcome.sent.values() for each in sent_rows}
            record_sends([row for _, row in rows if row["id"] in sent], time.perf_counter() - started)
        return outcome

    async def _send_row(self, partition: TopicPartition, row: asyncpg.Record) -> asyncio.Future[Any] | BaseException:
        headers = headers_of(self.source, row)
        if row["extra"] is not None:
            headers += [(name, value.encode()) for name, value in orjson.loads(row["extra"]).items()]
        try:
            ack: asyncio.Future[Any] = await self.send_record(partition, row["key"], row["payload"], headers)
        except FENCED as error:
            raise RelayFencedError from error
        except KafkaError as error:
            failure: BaseException = error
            return failure
        return ack

    async def send_record(
        self, partition: TopicPartition, key: bytes, payload: bytes | None, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        """Buffers one record in the producer. Returns the future of its acknowledgement. Raises KafkaError."""
        topic = self.prefix + partition.topic
        try:
            async with asyncio.timeout(LONGEST_ACK_S):  # `wait_for` would make a task of each record
                ack = await self._producer.send(topic, payload, key=key, partition=partition.partition, headers=headers)
        except TimeoutError as error:
            raise KafkaError("nothing more fits into the producer's buffer") from error
        ack.add_done_callback(_consume_exception)
        return ack

    def _add_outcome(
        self,
        outcome: PageOutcome,
        partition: TopicPartition,
        acks: Sequence[tuple[asyncpg.Record, asyncio.Future[Any] | BaseException]],
    ) -> None:
        for number, (row, ack) in enumerate(acks):
            error = ack if isinstance(ack, BaseException) else _error_of(ack)
            if not isinstance(ack, BaseException) and error is None and ack.done():
                outcome.sent.setdefault(partition, []).append(SentRow(row["id"], ack.result().offset))
                continue
            if isinstance(error, FENCED):
                raise RelayFencedError from error
            code = PERMANENT_REFUSALS.get(type(error)) if error is not None else None
            is_buffered = not isinstance(ack, BaseException)
            if code is not None and (not is_buffered or number == len(acks) - 1):
                outcome.refused.append(RefusedRow(row, code))
            elif code is not None:
                outcome.row_by_row.add(partition)
            if code is None or is_buffered:
                outcome.failed[partition] = error
            return


def headers_of(source: bytes, row: asyncpg.Record) -> list[tuple[str, bytes]]:
    """Returns the CloudEvents headers of a row."""
    return cloudevents_headers(
        source, str(row["event_id"]), row["event_type"], row["occurred_at"], row["subject"], row["traceparent"]
    )


def cloudevents_headers(
    source: bytes, event_id: str, event_type: str, time: datetime, subject: str, trace: str
) -> list[tuple[str, bytes]]:
    """Returns the headers of an event in CloudEvents' binary content mode (Kafka protocol binding)."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_type", event_type.encode()),
        ("ce_source", source),
        ("ce_time", time.isoformat().encode()),
        ("ce_subject", subject.encode()),
        ("traceparent", trace.encode()),
        ("content-type", b"application/json"),
    ]


def _error_of(ack: asyncio.Future[Any]) -> BaseException | None:
    if not ack.done():
        return None
    return asyncio.CancelledError() if ack.cancelled() else ack.exception()


def _consume_exception(ack: asyncio.Future[Any]) -> None:
    if not ack.cancelled():
        ack.exception()
