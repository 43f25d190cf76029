"""Sends a page of rows in a leader's open transaction and says what became of each partition."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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

from shared.messaging.outbox.lanes import RelayFencedError
from shared.messaging.outbox.partitions import TopicPartition
from shared.messaging.outbox.producer import REFUSED_FOR_EVER, Producer

LONGEST_ACK_S = 5.0
"""A partition that has not acknowledged in this time is held."""
LONGEST_LOOKUP_S = 1.0
UNWRITABLE = (TopicAuthorizationFailedError, UnknownTopicOrPartitionError, InvalidTopicError)
FENCED = (ProducerFenced, InvalidProducerEpoch)


@dataclass
class Outcome:
    """What became of a page.

    `sent`: acknowledged rows with their offsets. `refused`: a row that the broker will never take, and why. `unsent`:
    each other partition's rows that are to be sent again. `failed`: partitions that the broker did not acknowledge and
    why (None: no answer in time); after such a failure the transaction cannot be trusted.
    """

    sent: dict[TopicPartition, list[tuple[int, int]]] = field(default_factory=dict)
    refused: list[tuple[asyncpg.Record, str]] = field(default_factory=list)
    unsent: dict[TopicPartition, datetime] = field(default_factory=dict)
    failed: dict[TopicPartition, BaseException | None] = field(default_factory=dict)
    careful: set[TopicPartition] = field(default_factory=set)
    """Partitions in which one of several rows is refused: they are sent row by row until it is found."""


async def count_partitions(producer: Producer, topic: str) -> int:
    """How many partitions a topic (with prefix) has. Raises KafkaError or TimeoutError when it is not to be found."""
    known = producer.client.cluster.partitions_for_topic(topic)
    if known is None:
        known = await asyncio.wait_for(producer.partitions_for(topic), LONGEST_LOOKUP_S)
    return len(known)


class PageSender:
    """Sends rows by one producer."""

    def __init__(self, producer: Producer, prefix: str, source: bytes) -> None:
        self._producer = producer
        self.prefix = prefix
        self.source = source

    async def send(self, rows: Sequence[tuple[TopicPartition, asyncpg.Record]]) -> Outcome:
        """Sends the rows in their order and waits for the acknowledgements. Raises RelayFencedError."""
        acks: dict[TopicPartition, list[tuple[asyncpg.Record, asyncio.Future[Any] | BaseException]]] = {}
        for place, row in rows:
            of_place = acks.setdefault(place, [])
            if of_place and isinstance(of_place[-1][1], BaseException):
                continue  # behind a row that could not be handed over
            of_place.append((row, await self._hand_over(place, row)))
        futures = {ack for of_place in acks.values() for _, ack in of_place if isinstance(ack, asyncio.Future)}
        if futures:
            await asyncio.wait(futures, timeout=LONGEST_ACK_S)
        outcome = Outcome()
        for place, of_place in acks.items():
            self._settle(outcome, place, of_place)
        for place, row in rows:
            if place in outcome.failed or place in outcome.careful:
                outcome.unsent.setdefault(place, row["created_at"])
        return outcome

    async def _hand_over(self, place: TopicPartition, row: asyncpg.Record) -> asyncio.Future[Any] | BaseException:
        headers = headers_of(self.source, row)
        if row["extra"] is not None:
            headers += [(name, value.encode()) for name, value in orjson.loads(row["extra"]).items()]
        try:
            ack: asyncio.Future[Any] = await self.hand_over(place, row["key"], row["payload"], headers)
        except FENCED as error:
            raise RelayFencedError from error
        except KafkaError as error:
            failure: BaseException = error
            return failure
        return ack

    async def hand_over(
        self, place: TopicPartition, key: bytes, payload: bytes | None, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        """Hands one record to the producer. Raises KafkaError."""
        topic = self.prefix + place.topic
        try:
            async with asyncio.timeout(LONGEST_ACK_S):  # `wait_for` would make a task of each record
                ack = await self._producer.send(topic, payload, key=key, partition=place.partition, headers=headers)
        except TimeoutError as error:
            raise KafkaError("nothing more fits into the producer's buffer") from error
        ack.add_done_callback(_retrieve)
        return ack

    def _settle(
        self,
        outcome: Outcome,
        place: TopicPartition,
        acks: Sequence[tuple[asyncpg.Record, asyncio.Future[Any] | BaseException]],
    ) -> None:
        for number, (row, ack) in enumerate(acks):
            error = ack if isinstance(ack, BaseException) else _error_of(ack)
            if not isinstance(ack, BaseException) and error is None and ack.done():
                outcome.sent.setdefault(place, []).append((row["id"], ack.result().offset))
                continue
            if isinstance(error, FENCED):
                raise RelayFencedError from error
            code = REFUSED_FOR_EVER.get(type(error)) if error is not None else None
            handed_over = not isinstance(ack, BaseException)
            if code is not None and (not handed_over or number == len(acks) - 1):
                outcome.refused.append((row, code))
            elif code is not None:
                outcome.careful.add(place)
            if code is None or handed_over:
                outcome.failed[place] = error
            return


def headers_of(source: bytes, row: asyncpg.Record) -> list[tuple[str, bytes]]:
    """The CloudEvents headers of a row."""
    return cloudevents_headers(
        source, str(row["event_id"]), row["event_type"], row["occurred_at"], row["subject"], row["traceparent"]
    )


def cloudevents_headers(
    source: bytes, event_id: str, event_type: str, time: datetime, subject: str, trace: str
) -> list[tuple[str, bytes]]:
    """The attributes of an event in binary mode."""
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


def _retrieve(ack: asyncio.Future[Any]) -> None:
    if not ack.cancelled():
        ack.exception()
