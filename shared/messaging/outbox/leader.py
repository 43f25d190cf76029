"""The relay while it leads: reads, sends, commits and deletes rows page by page, and sends heartbeats."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import asyncpg
from aiokafka.errors import KafkaError

from shared.contracts.declarations import Topic
from shared.db.pool import Connection
from shared.messaging.outbox.heartbeats import Heartbeats
from shared.messaging.outbox.holds import ALL_PARTITIONS, Holds
from shared.messaging.outbox.lanes import Lanes, RelayFencedError
from shared.messaging.outbox.lost import LossWatch
from shared.messaging.outbox.page_sender import FENCED, UNWRITABLE, PageOutcome, PageSender, count_partitions
from shared.messaging.outbox.partitions import TopicPartition, partition_of
from shared.messaging.outbox.producer import PERMANENT_REFUSALS, MakeProducer, Producer
from shared.messaging.outbox.refused import store_refused
from shared.messaging.outbox.rows import OutboxReader, Page
from shared.runtime.logs import log

SELECT_LANES = "select lane from outbox_lanes"
INSERT_LANE = "insert into outbox_lanes (lane) values ($1) on conflict on constraint outbox_lanes_pkey do nothing"
POLL_S = 1.0
OPEN_S = 1.0
OPEN_ROWS = 2000
"""A transaction is committed, and its rows are deleted, after this time or this number of rows."""
LONGEST_COMMIT_S = 10.0
LANE_POLL_S = 0.05
RECHECK_INTERVAL_S = 5.0
"""Seconds between two checks until lost commits have been recovered. Each check reads all lost records, and the
relay may be woken more often."""


@dataclass(frozen=True)
class OwnTopics:
    """The topics of a relay's service.

    `prefix`: put before their names on the broker. `states`: those that get heartbeats. `unusable`: returns those that
    differ from their declaration and must not be written now; None as long as that is unknown.
    """

    prefix: str = ""
    states: Sequence[Topic] = ()
    unusable: Callable[[], Collection[str] | None] = frozenset


class Leader:
    """A leading relay: its connection, its lanes, the rows sent but not yet committed, and the held partitions."""

    def __init__(
        self,
        connection: Connection,
        make: MakeProducer,
        watch: LossWatch,
        *,
        source: bytes,
        topics: OwnTopics,
        heartbeat_s: float,
    ) -> None:
        self._connection = connection
        self._source, self._prefix = source, topics.prefix
        self._watch = watch
        self._states = topics.states
        self._heartbeats = Heartbeats(make, topics.states, heartbeat_s, topics.prefix, source)
        self._lanes = Lanes(make, self._store_lane)
        self._reader = OutboxReader(connection)
        self._holds = Holds()
        self._unusable = topics.unusable
        self._held_topics: frozenset[str] = frozenset()
        self._row_by_row: set[TopicPartition] = set()
        self._offsets: dict[TopicPartition, int] = {}
        self._began_at: float | None = None
        self._checked_at = 0.0
        self.sent_rows = 0

    async def start(self) -> None:
        """Fences off every earlier leader, then checks whether this database has lost commits that a topic holds."""
        used = {row["lane"] for row in await self._connection.fetch(SELECT_LANES)}
        await self._lanes.start(used)
        await self._check_losses()

    async def step(self) -> bool:
        """Sends one page of rows and does whatever else is due. Returns whether more rows can be sent now.

        While this database lacks commits that a topic holds, it sends nothing, not even heartbeats.
        """
        if self._watch.is_recovery_needed:
            if asyncio.get_running_loop().time() >= self._checked_at + RECHECK_INTERVAL_S:
                await self._check_losses()
            return False
        if self._watch.is_announcing and asyncio.get_running_loop().time() >= self._checked_at + RECHECK_INTERVAL_S:
            await self.commit()
            await self._check_losses()
        unusable = self._unusable()
        if unusable is None:
            return False
        await self._retry_held()
        self._hold_topics(frozenset(unusable))
        producer = self._lanes.producer
        if producer is None:
            return False
        page = await self._reader.read()
        outcome = await self._send(producer, page)
        if not outcome.failed:
            await self._send_heartbeats(producer, page, outcome)
        if self._is_commit_due():
            await self.commit()
        return page.is_full or bool(self._row_by_row)

    def longest_wait(self) -> float:
        """Returns the seconds until something is due even if no row is written."""
        if self._watch.is_recovery_needed:
            return RECHECK_INTERVAL_S
        if self._lanes.producer is None or self._unusable() is None:
            return LANE_POLL_S
        if self._began_at is None:
            return POLL_S
        return max(0.0, min(POLL_S, self._began_at + OPEN_S - asyncio.get_running_loop().time()))

    async def close(self) -> None:
        """Stops at once; rows whose transaction is not committed will be sent again."""
        self._holds.clear()
        await self._heartbeats.close()
        await self._lanes.close()

    async def _check_losses(self) -> None:
        await self._watch.check(self._connection)
        self._checked_at = asyncio.get_running_loop().time()

    async def _store_lane(self, lane: int) -> None:
        await self._connection.execute(INSERT_LANE, lane)

    # -- Sending ------------------------------------------------------------------------------------------------------

    async def _send(self, producer: Producer, page: Page) -> PageOutcome:
        rows = await self._sendable(producer, page)
        if not rows:
            return PageOutcome()
        await self._begin(producer)
        outcome = await PageSender(producer, self._prefix, self._source).send(rows)
        for partition, sent in outcome.sent.items():
            self._reader.sent.update(row.id for row in sent)
            self._offsets[partition] = sent[-1].offset + 1
            self.sent_rows += len(sent)
        for row, code in outcome.refused:
            await store_refused(self._connection, row, code)
            self._row_by_row.discard(self._known_partition(producer, row) or TopicPartition("", 0))
        self._row_by_row |= outcome.row_by_row
        if outcome.failed:
            await self._replace_producer(outcome)
        return outcome

    async def _sendable(self, producer: Producer, page: Page) -> list[tuple[TopicPartition, asyncpg.Record]]:
        """Returns the rows of a page whose partition is not held; of partitions sent row by row only the first row."""
        rows: list[tuple[TopicPartition, asyncpg.Record]] = []
        begun: set[TopicPartition] = set()
        for row in page.rows:
            partition = self._known_partition(producer, row) or await self._find_partition(producer, row)
            held = self._holds.covering(partition)
            if held is not None:
                self._reader.skip(held, row)
            elif partition not in self._row_by_row or partition not in begun:
                begun.add(partition)
                rows.append((partition, row))
        return rows

    def _known_partition(self, producer: Producer, row: asyncpg.Record) -> TopicPartition | None:
        partitions = producer.client.cluster.partitions_for_topic(self._prefix + row["topic"])
        return TopicPartition(row["topic"], partition_of(row["key"], len(partitions))) if partitions else None

    async def _find_partition(self, producer: Producer, row: asyncpg.Record) -> TopicPartition:
        """Finds the partition of a row whose topic this producer does not know yet; holds a missing topic."""
        whole = TopicPartition(row["topic"], ALL_PARTITIONS)
        if self._holds.covering(whole) is not None:
            return whole
        try:
            count = await count_partitions(producer, self._prefix + row["topic"])
        except (KafkaError, TimeoutError) as error:
            self._holds.hold(whole, _code_of(error))
            return whole
        return TopicPartition(row["topic"], partition_of(row["key"], count))

    async def _begin(self, producer: Producer) -> None:
        if self._began_at is None:
            await producer.begin_transaction()
            self._began_at = asyncio.get_running_loop().time()

    # -- Committing ---------------------------------------------------------------------------------------------------

    def _is_commit_due(self) -> bool:
        if self._began_at is None:
            return False
        is_old = asyncio.get_running_loop().time() - self._began_at >= OPEN_S
        return is_old or len(self._reader.sent) >= OPEN_ROWS

    async def commit(self) -> None:
        """Commits the open transaction, then deletes its rows. Raises RelayFencedError."""
        producer = self._lanes.producer
        if self._began_at is None or producer is None:
            return
        try:
            await asyncio.wait_for(producer.commit_transaction(), LONGEST_COMMIT_S)
        except FENCED as error:
            raise RelayFencedError from error
        except (KafkaError, TimeoutError) as error:
            log("loop.failed", place="relay-commit", error=error)
            await self._replace_producer(PageOutcome())
            return
        self._began_at = None
        if self._reader.sent:
            await self._reader.delete_sent(self._watch.cluster_id, self._offsets)
            self._offsets.clear()

    # -- Failures and heartbeats --------------------------------------------------------------------------------------

    async def _replace_producer(self, outcome: PageOutcome) -> None:
        """Abandons the open transaction: a new producer sends all of its rows again."""
        self._began_at = None
        self._offsets.clear()
        self._reader.forget_sent()
        for_lane: set[TopicPartition] = set()
        for partition, error in outcome.failed.items():
            if error is None:
                for_lane.add(partition)
                self._holds.hold(partition, "not-acknowledged", is_released=True)
            elif isinstance(error, UNWRITABLE):
                self._holds.hold(TopicPartition(partition.topic, ALL_PARTITIONS), _code_of(error))
            elif type(error) not in PERMANENT_REFUSALS:
                self._holds.hold(partition, _code_of(error))
        await self._lanes.replace(for_lane)

    async def _retry_held(self) -> None:
        """Retries held partitions that are due, each alone, so that its failure affects no other."""
        self._holds.log_alarm()
        for partition in await self._lanes.release_started():
            self._release(partition)
        due = self._holds.due()
        if due:
            await self.commit()
        for partition in due:
            producer = self._lanes.producer
            if producer is not None and await self._try_again(producer, partition):
                self._release(partition)

    async def _try_again(self, producer: Producer, partition: TopicPartition) -> bool:
        row = self._reader.first_skipped(partition)
        if row is None:
            return True
        try:
            count = await count_partitions(producer, self._prefix + partition.topic)
        except (KafkaError, TimeoutError) as error:
            self._holds.hold(partition, _code_of(error))
            return False
        await self._begin(producer)
        target = TopicPartition(partition.topic, partition_of(row["key"], count))
        outcome = await PageSender(producer, self._prefix, self._source).send([(target, row)])
        if not outcome.failed:
            return True
        if outcome.refused or outcome.row_by_row:
            await self._replace_producer(PageOutcome())
            return True
        self._holds.hold(partition, _code_of(outcome.failed[target]))
        await self._replace_producer(outcome)
        return False

    def _hold_topics(self, unusable: frozenset[str]) -> None:
        """Holds topics that differ from their declaration until they are mended, however long that takes."""
        for topic in unusable - self._held_topics:
            self._holds.hold(TopicPartition(topic, ALL_PARTITIONS), "topic-differs", is_released=True)
        for topic in self._held_topics - unusable:
            self._release(TopicPartition(topic, ALL_PARTITIONS))
        self._held_topics = unusable

    def _release(self, partition: TopicPartition) -> None:
        self._holds.release(partition)
        self._reader.release(partition)

    async def _send_heartbeats(self, producer: Producer, page: Page, outcome: PageOutcome) -> None:
        """Sends heartbeats when they are due.

        A held partition gets one too, if it answers; the moment of its oldest unsent row bounds it. None is sent while
        states are announced anew: those that are not announced yet bound no moment.
        """
        if self._watch.is_announcing or not self._heartbeats.are_due():
            return
        counts: dict[str, int] = {}
        for topic in self._states:
            if self._holds.covering(TopicPartition(topic.name, ALL_PARTITIONS)) is None:
                with contextlib.suppress(KafkaError, TimeoutError):  # the topic's next row holds it
                    counts[topic.name] = await count_partitions(producer, self._prefix + topic.name)
        unsent = {**outcome.unsent, **self._reader.oldest_skipped()}
        await self._heartbeats.send(self._reader, page, counts, unsent)


def _code_of(error: BaseException | None) -> str:
    return "not-acknowledged" if error is None else type(error).__name__
