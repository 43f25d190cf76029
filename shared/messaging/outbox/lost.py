"""Detects commits that this database has lost: its own topics hold records that it does not know it announced.

Whenever the relay deletes rows, it stores the acknowledged offset of each partition. A later record on the topic may
come from a leader that died before it deleted the row; the outbox then still holds the row. If it does not, the
database was set back (by a failover or a restore), and the relay must not announce old states over newer ones.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.declarations import RELAY_EVENTS, Principal, Topic
from shared.contracts.topics import TOPICS
from shared.db.pool import Connection
from shared.messaging import loss_checks
from shared.messaging.broker_errors import explained_broker_errors
from shared.messaging.cluster_metadata import cluster_id_of, partitions_of
from shared.messaging.connection import aiokafka_options
from shared.messaging.outbox.partitions import TopicPartition
from shared.runtime.logs import log
from shared.runtime.metrics import OUTBOX_RECOVERY
from shared.runtime.settings import KafkaSettings

SELECT_OFFSETS = "select topic, partition, cluster_id, next_offset from outbox_offsets"
UPSERT_OFFSETS = """
insert into outbox_offsets (topic, partition, cluster_id, next_offset)
select topic, partition, $1, next_offset
from unnest($2::text[], $3::integer[], $4::bigint[]) as acknowledged(topic, partition, next_offset)
order by topic, partition
on conflict on constraint outbox_offsets_pkey
do update set cluster_id = excluded.cluster_id, next_offset = excluded.next_offset"""
SELECT_KNOWN = """
select event_id from outbox where event_id = any($1::uuid[])
union all select event_id from refused_announcements where event_id = any($1::uuid[])"""
IS_ANNOUNCING = "select exists (select from cluster_moves where cluster_id = $1 and finished_at is null)"
SELECT_ERASED_KEYS = "select record_id::text as key from erased_records where record_id::text = any($1::text[])"
_RELAY_EVENT_TYPES = frozenset(event.ce_type for event in RELAY_EVENTS)
PAGE = 1000

OpenTopicLog = Callable[[], Any]
"""Returns an async context manager that opens a `TopicLog`."""


@dataclass(frozen=True, slots=True)
class SentRecord:
    """A record on one of the service's own topics. `body` None: a tombstone."""

    place: TopicPartition
    offset: int
    key: str
    event_id: UUID | None
    event_type: str
    body: bytes | None


class TopicLog:
    """Reads the service's own topics, without a consumer group."""

    def __init__(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, cluster_id: str, prefix: str) -> None:
        self._admin = admin
        self.consumer = consumer
        self._prefix = prefix
        self.cluster_id = cluster_id

    async def ends(self, topics: Sequence[Topic]) -> dict[TopicPartition, int]:
        """Returns the end offset of each partition; none for a topic that does not exist.

        Raises KafkaError for a topic that this user may not describe: nothing is known about it.
        """
        end_offsets: dict[TopicPartition, int] = {}
        names = {self._prefix + topic.name: topic.name for topic in topics}
        partitions = await partitions_of(self._admin, list(names), must_be_described=True)
        for name, numbers in partitions.items():
            ends = await self.consumer.end_offsets([KafkaPartition(name, number) for number in numbers])
            end_offsets |= {TopicPartition(names[name], kafka.partition): end for kafka, end in ends.items()}
        return end_offsets

    async def begins(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Returns the offset of the first record that each of these partitions still has."""
        partitions = {KafkaPartition(self._prefix + place.topic, place.partition): place for place in places}
        begins = await self.consumer.beginning_offsets(list(partitions))
        return {place: begins[kafka] for kafka, place in partitions.items()}

    async def read(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> AsyncIterator[list[SentRecord]]:
        """Yields the owner's announcements between these offsets, page by page, in the order of each partition."""
        places = {KafkaPartition(self._prefix + place.topic, place.partition): place for place in ends}
        begins = await self.consumer.beginning_offsets(list(places))
        behind = {
            kafka: max(starts.get(place, 0), begins[kafka])
            for kafka, place in places.items()
            if max(starts.get(place, 0), begins[kafka]) < ends[place]
        }
        self.consumer.assign(list(behind))
        for kafka, start in behind.items():
            self.consumer.seek(kafka, start)
        while any([await self.consumer.position(kafka) < ends[places[kafka]] for kafka in behind]):
            pages = await self.consumer.getmany(timeout_ms=500, max_records=PAGE)
            records = [_sent_record(places[kafka], record) for kafka, page in pages.items() for record in page]
            yield [record for record in records if record.event_type not in _RELAY_EVENT_TYPES]


def _sent_record(place: TopicPartition, record: Any) -> SentRecord:
    headers = {name: value for name, value in record.headers if value is not None}
    try:
        event_id = UUID(headers.get("ce_id", b"").decode())
    except ValueError:
        event_id = None
    event_type = headers.get("ce_type", b"").decode("utf-8", "replace")
    key = (record.key or b"").decode("utf-8", "replace")
    return SentRecord(place, record.offset, key, event_id, event_type, record.value)


def topics_of(service: str) -> list[Topic]:
    """Returns the topics that only this service writes, so that all of their records are its announcements."""
    return [topic for topic in TOPICS if topic.writer == service]


def writer_of(topics: Sequence[Topic]) -> Principal:
    """Returns the service that writes these topics, the inverse of `topics_of`."""
    [service] = {topic.writer for topic in topics}
    assert service is not None, "a service recovers the topics that it writes"
    return service


def log_factory(settings: KafkaSettings, service: str) -> OpenTopicLog:
    """Returns a function that opens the topics of a service."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[TopicLog]:
        options = {"client_id": f"{service}-relay", **aiokafka_options(settings)}
        admin = AIOKafkaAdminClient(**options)
        consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, isolation_level="read_uncommitted")
        try:
            with explained_broker_errors(settings):
                await admin.start()
            cluster_id = await cluster_id_of(admin)
            await consumer.start()
            yield TopicLog(admin, consumer, cluster_id, settings.prefix)
        finally:
            await consumer.stop()
            await admin.close()

    return connect


class LossWatch:
    """Checks, before anything is sent, whether the service's topics hold records that its database does not know, and
    whether they are those to which it has sent before.

    `is_recovery_needed`: nothing may be sent, either because commits are lost, or because the cluster is another one or
    its topics end before what was acknowledged. `is_announcing`: everything is being announced anew, so that copies are
    not fresh yet.
    """

    def __init__(self, connect: OpenTopicLog | None, topics: Sequence[Topic]) -> None:
        self._connect = connect
        self._topics = topics
        self._markable = {topic.name for topic in topics if topic.key == "record id"}
        self.cluster_id = "unknown"
        self.is_recovery_needed = False
        self.is_announcing = False

    async def check(self, connection: Connection) -> None:
        """Compares the topics with the database. Sets `is_recovery_needed`; marks the copies of lost aggregates."""
        if self._connect is None:
            return
        async with self._connect() as topic_log:
            self.cluster_id = topic_log.cluster_id
            comparison = await compare(connection, topic_log, self._topics)
        self.is_announcing = await connection.fetchval(IS_ANNOUNCING, self.cluster_id)
        if comparison.needs_announcing:
            self._stop_sending(comparison)
            return
        lost = comparison.lost
        marked = [(record.place.topic, record.key) for record in lost if record.place.topic in self._markable]
        async with connection.transaction():
            await loss_checks.note_check(connection, sorted(self._markable), marked)
        if lost and not self.is_recovery_needed:
            for topic in sorted({record.place.topic for record in lost}):
                count = sum(record.place.topic == topic for record in lost)
                log("relay.recovery_needed", topic=topic, count=count)
        elif self.is_recovery_needed and not lost:
            log("relay.recovered")
        self.is_recovery_needed = bool(lost)
        OUTBOX_RECOVERY.set(int(self.is_recovery_needed))

    def _stop_sending(self, comparison: "TopicComparison") -> None:
        """Sends nothing until everything is announced anew. Nothing is noted in the database: it was not compared."""
        if not self.is_recovery_needed:
            if comparison.is_moved:
                log("cluster.changed")
            for place in comparison.cut_off:
                log("offsets.lost", group="outbox", topic=place.topic, partition=place.partition)
        self.is_recovery_needed = True
        OUTBOX_RECOVERY.set(1)


@dataclass
class TopicComparison:
    """The differences between the topics and the database.

    `starts`: the next offset of each partition in this cluster, as stored. `ends`: the end offset of each partition.
    `lost`: sent records that this database does not know, in the order of each partition. `resent`: ids of events that
    were sent and that the outbox still holds, so that they will be sent again. `is_moved`: the database has sent to
    another cluster only. `cut_off`: partitions that end before what they acknowledged.
    """

    starts: dict[TopicPartition, int]
    ends: dict[TopicPartition, int]
    is_moved: bool = False
    cut_off: list[TopicPartition] = field(default_factory=list)
    lost: list[SentRecord] = field(default_factory=list)
    resent: set[UUID] = field(default_factory=set)

    @property
    def needs_announcing(self) -> bool:
        """Whether these topics do not hold what this database has sent, so that it must be announced anew."""
        return self.is_moved or bool(self.cut_off)


async def compare(connection: Connection, topic_log: TopicLog, topics: Sequence[Topic]) -> TopicComparison:
    """Returns the differences between the topics and the database, from the stored offsets on.

    The first time nothing counts as lost: the present ends of the topics are stored as the beginning.
    """
    comparison = await compare_offsets(connection, topic_log, topics)
    if comparison.needs_announcing:
        return comparison
    if not comparison.starts:
        await store_offsets(connection, topic_log.cluster_id, comparison.ends)
        return comparison
    async for page in topic_log.read(comparison.starts, comparison.ends):
        await _compare_page(connection, page, comparison)
    if comparison.lost:
        # A running relay may have sent records meanwhile, and deleted their rows.
        sent = _of_cluster(topic_log, await connection.fetch(SELECT_OFFSETS))
        comparison.lost = [record for record in comparison.lost if record.offset >= sent.get(record.place, 0)]
    return comparison


async def compare_offsets(connection: Connection, topic_log: TopicLog, topics: Sequence[Topic]) -> TopicComparison:
    """Returns whether everything must be announced anew. Reads no record and changes nothing."""
    rows = await connection.fetch(SELECT_OFFSETS)  # before the ends, which a running relay may pass meanwhile
    starts = _of_cluster(topic_log, rows)
    comparison = TopicComparison(starts, await topic_log.ends(topics), is_moved=bool(rows) and not starts)
    comparison.cut_off = sorted(place for place, start in starts.items() if start > comparison.ends.get(place, start))
    return comparison


def _of_cluster(topic_log: TopicLog, rows: Sequence[asyncpg.Record]) -> dict[TopicPartition, int]:
    """Returns the stored offsets of this cluster."""
    own = [row for row in rows if row["cluster_id"] == topic_log.cluster_id]
    return {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in own}


async def store_offsets(connection: Connection, cluster_id: str, offsets: Mapping[TopicPartition, int]) -> None:
    """Stores that this database knows all records before these offsets."""
    places = sorted(offsets)
    await connection.execute(
        UPSERT_OFFSETS,
        cluster_id,
        [place.topic for place in places],
        [place.partition for place in places],
        [offsets[place] for place in places],
    )


async def _compare_page(connection: Connection, page: Sequence[SentRecord], comparison: TopicComparison) -> None:
    """Adds the differences of one page. Records about erased records are not lost: their rows were deleted.

    A record without the id of an event is none that this service has announced; its consumers keep it as a dead letter.
    """
    ids = [record.event_id for record in page if record.event_id is not None]
    known_ids = {row["event_id"] for row in await connection.fetch(SELECT_KNOWN, ids)}
    comparison.resent |= known_ids
    unknown = [record for record in page if record.event_id is not None and record.event_id not in known_ids]
    keys = list({record.key for record in unknown})
    erased = {row["key"] for row in await connection.fetch(SELECT_ERASED_KEYS, keys)} if keys else set()
    comparison.lost += [record for record in unknown if record.key not in erased]
