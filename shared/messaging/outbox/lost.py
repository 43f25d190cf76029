"""Commits that this database has lost: its own topics hold records that it does not know to have announced.

With each delete the relay keeps how far every partition was acknowledged. What lies behind that on the topic was sent
by a leader that died before the delete: then the outbox still holds it. If it does not, the database was set back (a
failover, a restore), and the relay must not announce old states over newer ones.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.declarations import RELAY_EVENTS, Topic
from shared.contracts.topics import TOPICS
from shared.db.pool import Connection
from shared.messaging import loss_checks
from shared.messaging.cluster_id import cluster_id_of
from shared.messaging.outbox.partitions import TopicPartition
from shared.messaging.outbox.producer import sasl_options
from shared.runtime.logs import log
from shared.runtime.metrics import OUTBOX_RECOVERY
from shared.runtime.settings import KafkaSettings

SELECT_OFFSETS = "select topic, partition, cluster_id, next_offset from outbox_offsets"
UPSERT_OFFSETS = """
insert into outbox_offsets (topic, partition, cluster_id, next_offset)
select topic, partition, $1, next_offset
from unnest($2::text[], $3::integer[], $4::bigint[]) as known(topic, partition, next_offset)
order by topic, partition
on conflict on constraint outbox_offsets_pkey
do update set cluster_id = excluded.cluster_id, next_offset = excluded.next_offset"""
SELECT_KNOWN = """
select event_id from outbox where event_id = any($1::uuid[])
union all select event_id from refused_announcements where event_id = any($1::uuid[])"""
SELECT_ERASED_KEYS = "select record_id::text as key from erased_records where record_id::text = any($1::text[])"
_OF_THE_RELAY = frozenset(event.ce_type for event in RELAY_EVENTS)
AT_ONCE = 1000

Connect = Callable[[], Any]
"""Makes a context manager that gives a `TopicLog`."""


@dataclass(frozen=True, slots=True)
class SentRecord:
    """A record of one of the service's own topics, as it was sent. `body` None: a tombstone."""

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
        self._consumer = consumer
        self._prefix = prefix
        self.cluster_id = cluster_id

    async def ends(self, topics: Sequence[Topic]) -> dict[TopicPartition, int]:
        """The next offset of each partition. A topic that is not there has none."""
        found: dict[TopicPartition, int] = {}
        names = {self._prefix + topic.name: topic.name for topic in topics}
        for described in await self._admin.describe_topics(list(names)):
            name = described["topic"]
            numbers = [partition["partition"] for partition in described["partitions"]]
            ends = await self._consumer.end_offsets([KafkaPartition(name, number) for number in numbers])
            found |= {TopicPartition(names[name], place.partition): end for place, end in ends.items()}
        return found

    async def read(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> AsyncIterator[list[SentRecord]]:
        """What the owner announced between these offsets, in the order of each partition, page by page."""
        places = {KafkaPartition(self._prefix + place.topic, place.partition): place for place in ends}
        begins = await self._consumer.beginning_offsets(list(places))
        behind = {
            kafka: max(starts.get(place, 0), begins[kafka])
            for kafka, place in places.items()
            if max(starts.get(place, 0), begins[kafka]) < ends[place]
        }
        self._consumer.assign(list(behind))
        for kafka, start in behind.items():
            self._consumer.seek(kafka, start)
        while any([await self._consumer.position(kafka) < ends[places[kafka]] for kafka in behind]):
            pages = await self._consumer.getmany(timeout_ms=500, max_records=AT_ONCE)
            records = [_sent(places[kafka], record) for kafka, page in pages.items() for record in page]
            yield [record for record in records if record.event_type not in _OF_THE_RELAY]


def _sent(place: TopicPartition, record: Any) -> SentRecord:
    headers = {name: value for name, value in record.headers if value is not None}
    try:
        event_id = UUID(headers.get("ce_id", b"").decode())
    except ValueError:
        event_id = None
    event_type = headers.get("ce_type", b"").decode("utf-8", "replace")
    key = (record.key or b"").decode("utf-8", "replace")
    return SentRecord(place, record.offset, key, event_id, event_type, record.value)


def topics_of(service: str) -> list[Topic]:
    """The topics that a service owns and alone writes: what they hold, it has announced."""
    return [topic for topic in TOPICS if topic.writer == service]


def log_factory(settings: KafkaSettings, service: str) -> Connect:
    """Connects to the broker as a service."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[TopicLog]:
        options = {"bootstrap_servers": settings.bootstrap, "client_id": f"{service}-relay", **sasl_options(settings)}
        admin = AIOKafkaAdminClient(**options)
        consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, isolation_level="read_uncommitted")
        try:
            await admin.start()
            cluster_id = await cluster_id_of(admin)
            await consumer.start()
            yield TopicLog(admin, consumer, cluster_id, settings.prefix)
        finally:
            await consumer.stop()
            await admin.close()

    return connect


class LossWatch:
    """Finds out, before anything is sent, whether the service's own topics hold what its database does not know."""

    def __init__(self, connect: Connect | None, topics: Sequence[Topic]) -> None:
        self._connect = connect
        self._topics = topics
        self._markable = {topic.name for topic in topics if topic.key == "record id"}
        self.cluster_id = "unknown"
        self.is_recovery_needed = False

    async def look(self, connection: Connection) -> None:
        """Sets `is_recovery_needed`, and says when that changes. Marks what was lost: nobody answers others from it."""
        if self._connect is None:
            return
        async with self._connect() as topic_log:
            self.cluster_id = topic_log.cluster_id
            lost = (await compare(connection, topic_log, self._topics)).lost
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


@dataclass
class Comparison:
    """`ends`: the next offset of each partition. `lost`: what was sent and this database does not know of, in the order
    of each partition. `resent`: ids of rows that the outbox still holds although they were sent: they go out again."""

    ends: dict[TopicPartition, int]
    lost: list[SentRecord] = field(default_factory=list)
    resent: set[UUID] = field(default_factory=set)


async def compare(connection: Connection, topic_log: TopicLog, topics: Sequence[Topic]) -> Comparison:
    """Compares the topics with the database, from the offsets on that were kept.

    At the very first time nothing is lost: what the topics hold then is where the watch begins.
    """
    found = Comparison(await topic_log.ends(topics))
    known = {TopicPartition(row["topic"], row["partition"]): row for row in await connection.fetch(SELECT_OFFSETS)}
    starts = {place: row["next_offset"] for place, row in known.items() if row["cluster_id"] == topic_log.cluster_id}
    if not starts:
        await keep_offsets(connection, topic_log.cluster_id, found.ends)
        return found
    async for page in topic_log.read(starts, found.ends):
        await _compare_page(connection, page, found)
    return found


async def keep_offsets(connection: Connection, cluster_id: str, offsets: Mapping[TopicPartition, int]) -> None:
    """What lies before these offsets is known here."""
    places = sorted(offsets)
    await connection.execute(
        UPSERT_OFFSETS,
        cluster_id,
        [place.topic for place in places],
        [place.partition for place in places],
        [offsets[place] for place in places],
    )


async def _compare_page(connection: Connection, page: Sequence[SentRecord], found: Comparison) -> None:
    """Of an erased record nothing is missed: its unsent rows were deleted, whether they had gone out or not."""
    ids = [record.event_id for record in page if record.event_id is not None]
    known = {row["event_id"] for row in await connection.fetch(SELECT_KNOWN, ids)}
    found.resent |= known
    unknown = [record for record in page if record.event_id not in known]
    keys = list({record.key for record in unknown})
    erased = {row["key"] for row in await connection.fetch(SELECT_ERASED_KEYS, keys)} if keys else set()
    found.lost += [record for record in unknown if record.key not in erased]
