"""The sending side of the outbox: one leader per service, ordered read, batched send, delete after the ack.

A crash between ack and delete sends a batch twice, in order; consumers mind nothing twice. State topics also get
heartbeats, from which consumers know how old their copy may be.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import asyncpg
import orjson
from aiokafka.errors import KafkaError

from shared import clock, tracing
from shared.contracts.base import HeartbeatSent
from shared.contracts.topics import Topic
from shared.db.pool import KEEPALIVES, TRANSIENT, Connection
from shared.enduring import endure
from shared.logs import log
from shared.outbox.append import HURRY

LEAD = "select pg_try_advisory_lock(1146097665, 1)"
SELECT_ROWS = """
select id, topic, key, event_id, event_type, subject, traceparent, occurred_at, payload, extra
from outbox order by id limit $1"""
DELETE_ROWS = "delete from outbox where id = any($1::bigint[])"
SELECT_OLDEST = """
select watched.topic, coalesce((select min(created_at) from outbox where outbox.topic = watched.topic),
                               statement_timestamp()) as at
from unnest($1::text[]) as watched(topic)"""
BATCH = 500
POLL_S = 1.0
GATHER_S = 0.05
"""After a wake-up the relay waits so long, so that one read and one delete serve several transactions, unless somebody
waits for one of them."""
NOT_LEADING_S = 0.5


class Producer(Protocol):
    """What the relay needs of an aiokafka producer."""

    async def send(self, topic: str, value: bytes | None, **options: Any) -> asyncio.Future[Any]:
        """Hands one record over; the future is done when the broker has it."""

    async def partitions_for(self, topic: str) -> set[int]:
        """The partitions of a topic."""

    async def stop(self) -> None:
        """Flushes and closes."""


class Relay:
    """Sends the outbox of one service, until `stop`."""

    def __init__(
        self,
        dsn: str,
        producer: Callable[[], Awaitable[Producer]],
        *,
        source: str,
        prefix: str = "",
        states: Sequence[Topic] = (),
        heartbeat_s: float = 5,
    ) -> None:
        self._dsn = dsn
        self._make_producer = producer
        self._source = source.encode()
        self._prefix = prefix
        self._states = states
        self._heartbeat_s = heartbeat_s
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stopping = False
        self._next_heartbeat = 0.0
        self.came_round = asyncio.get_running_loop().time()
        self.sent = 0

    async def run(self) -> None:
        """Leads or waits to lead, until `stop`; whatever interrupts is told and tried again with back-off."""
        await endure("relay", self._lead, self._beat)

    def stop(self) -> None:
        """Ends `run` after the batch under way, so that a clean end sends nothing twice."""
        self._stopping = True
        self._wake.set()

    async def _lead(self) -> bool:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=5,
            command_timeout=15,
            server_settings={"application_name": "relay", "timezone": "UTC", "jit": "off", **KEEPALIVES},
        )
        producer: Producer | None = None
        try:
            while not await connection.fetchval(LEAD):
                if self._stopping:
                    return True
                self._beat()
                await asyncio.sleep(NOT_LEADING_S)
            await connection.add_listener("outbox", self._called)
            producer = await self._make_producer()
            log("relay.led")
            while not self._stopping:
                self._wake.clear()  # before reading: a notification during the read is kept
                self._hurry.clear()
                sent = await self._step(connection, producer)
                await self._send_heartbeats(connection, producer)
                self._beat()
                if sent < BATCH:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), POLL_S)
                        await asyncio.wait_for(self._hurry.wait(), GATHER_S)
            return True
        finally:
            if producer is not None:
                with contextlib.suppress(KafkaError, TimeoutError):
                    await asyncio.wait_for(producer.stop(), 5)
            with contextlib.suppress(*TRANSIENT):
                await connection.close(timeout=2)

    def _called(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._wake.set()
        if payload == HURRY:
            self._hurry.set()

    async def _step(self, connection: Connection, producer: Producer) -> int:
        rows = await connection.fetch(SELECT_ROWS, BATCH)
        if not rows:
            return 0
        acks = [await self._send(producer, row) for row in rows]
        await asyncio.wait_for(asyncio.gather(*acks), 30)
        await connection.execute(DELETE_ROWS, [row["id"] for row in rows])
        self.sent += len(rows)
        return len(rows)

    async def _send(self, producer: Producer, row: asyncpg.Record) -> asyncio.Future[Any]:
        headers = self._headers(
            str(row["event_id"]), row["event_type"], row["occurred_at"], row["subject"], row["traceparent"]
        )
        if row["extra"] is not None:
            headers += [(name, value.encode()) for name, value in orjson.loads(row["extra"]).items()]
        return await producer.send(self._prefix + row["topic"], row["payload"], key=row["key"], headers=headers)

    async def _send_heartbeats(self, connection: Connection, producer: Producer) -> None:
        moment = asyncio.get_running_loop().time()
        if not self._states or moment < self._next_heartbeat:
            return
        self._next_heartbeat = moment + self._heartbeat_s
        oldest = await connection.fetch(SELECT_OLDEST, [topic.name for topic in self._states])
        acks = [ack for row in oldest for ack in await self._beat_topic(producer, row["topic"], row["at"])]
        await asyncio.wait_for(asyncio.gather(*acks), 30)

    async def _beat_topic(self, producer: Producer, topic: str, at: datetime) -> list[asyncio.Future[Any]]:
        acks = []
        for partition in sorted(await producer.partitions_for(self._prefix + topic)):
            beat = HeartbeatSent(partition=partition, at=at)
            headers = self._headers(str(clock.new_id()), beat.wire, clock.now(), beat.key, tracing.new_trace())
            acks.append(
                await producer.send(
                    self._prefix + topic,
                    beat.model_dump_json().encode(),
                    key=beat.key.encode(),
                    partition=partition,
                    headers=headers,
                )
            )
        return acks

    def _headers(self, event_id: str, wire: str, time: datetime, subject: str, trace: str) -> list[tuple[str, bytes]]:
        return [
            ("ce_specversion", b"1.0"),
            ("ce_id", event_id.encode()),
            ("ce_type", wire.encode()),
            ("ce_source", self._source),
            ("ce_time", time.isoformat().encode()),
            ("ce_subject", subject.encode()),
            ("traceparent", trace.encode()),
            ("content-type", b"application/json"),
        ]

    def _beat(self) -> None:
        self.came_round = asyncio.get_running_loop().time()
