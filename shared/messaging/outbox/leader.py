"""The relay while it leads: reads, sends, commits, deletes, holds, and sends heartbeats, one page after the other."""

import asyncio
import contextlib
from collections.abc import Sequence

import asyncpg
from aiokafka.errors import KafkaError

from shared.contracts.declarations import Topic
from shared.db.pool import Connection
from shared.messaging.outbox.heartbeats import Heartbeats
from shared.messaging.outbox.holds import ALL_PARTITIONS, Holds
from shared.messaging.outbox.lanes import Lanes, RelayFencedError
from shared.messaging.outbox.lost import LossWatch
from shared.messaging.outbox.partitions import TopicPartition, partition_of
from shared.messaging.outbox.producer import REFUSED_FOR_EVER, MakeProducer, Producer
from shared.messaging.outbox.refused import set_aside
from shared.messaging.outbox.rows import OutboxReader, Page
from shared.messaging.outbox.sending import FENCED, UNWRITABLE, Outcome, PageSender, count_partitions
from shared.runtime.logs import log

SELECT_LANES = "select lane from outbox_lanes"
INSERT_LANE = "insert into outbox_lanes (lane) values ($1) on conflict on constraint outbox_lanes_pkey do nothing"
POLL_S = 1.0
OPEN_S = 1.0
OPEN_ROWS = 2000
"""A transaction is committed, and its rows deleted, after so long or so many."""
LONGEST_COMMIT_S = 10.0
LANE_POLL_S = 0.05
RECHECK_INTERVAL_S = 5.0
"""While what this database has lost has not been recovered: each look reads all of it, whoever wakes the relay."""


class Leader:
    """One connection, the lanes, what is sent and not yet committed, what is held."""

    def __init__(
        self,
        connection: Connection,
        make: MakeProducer,
        watch: LossWatch,
        *,
        source: bytes,
        prefix: str,
        states: Sequence[Topic],
        heartbeat_s: float,
    ) -> None:
        self._connection = connection
        self._source, self._prefix = source, prefix
        self._watch = watch
        self._states = states
        self._heartbeats = Heartbeats(make, states, heartbeat_s, prefix, source)
        self._lanes = Lanes(make, self._remember_lane)
        self._reader = OutboxReader(connection)
        self._holds = Holds()
        self._careful: set[TopicPartition] = set()
        self._offsets: dict[TopicPartition, int] = {}
        self._began: float | None = None
        self._looked_at = 0.0
        self.sent_rows = 0

    async def start(self) -> None:
        """Shuts out every earlier leader, then finds out whether this database has lost what a topic holds."""
        used = {row["lane"] for row in await self._connection.fetch(SELECT_LANES)}
        await self._lanes.start(used)
        await self._look()

    async def step(self) -> bool:
        """Sends one page and what else is due. Returns whether more rows wait that can be sent now.

        Announces nothing, heartbeats neither, while this database lacks what a topic holds.
        """
        if self._watch.is_recovery_needed:
            if asyncio.get_running_loop().time() >= self._looked_at + RECHECK_INTERVAL_S:
                await self._look()
            return False
        await self._look_at_held()
        producer = self._lanes.producer
        if producer is None:
            return False
        page = await self._reader.read()
        outcome = await self._send(producer, page)
        if not outcome.failed:
            await self._beat_heart(producer, page, outcome)
        if self._is_commit_due():
            await self.commit()
        return page.is_full or bool(self._careful)

    def longest_wait(self) -> float:
        """Seconds until something is due even if no row comes."""
        if self._watch.is_recovery_needed:
            return RECHECK_INTERVAL_S
        if self._lanes.producer is None:
            return LANE_POLL_S
        if self._began is None:
            return POLL_S
        return max(0.0, min(POLL_S, self._began + OPEN_S - asyncio.get_running_loop().time()))

    async def close(self) -> None:
        """Ends at once; what is not committed will be sent again."""
        self._holds.clear()
        await self._heartbeats.close()
        await self._lanes.close()

    async def _look(self) -> None:
        await self._watch.look(self._connection)
        self._looked_at = asyncio.get_running_loop().time()

    async def _remember_lane(self, lane: int) -> None:
        await self._connection.execute(INSERT_LANE, lane)

    # What is sent

    async def _send(self, producer: Producer, page: Page) -> Outcome:
        rows = await self._sendable(producer, page)
        if not rows:
            return Outcome()
        await self._begin(producer)
        outcome = await PageSender(producer, self._prefix, self._source).send(rows)
        for place, sent in outcome.sent.items():
            self._reader.sent.update(id for id, _ in sent)
            self._offsets[place] = sent[-1][1] + 1
            self.sent_rows += len(sent)
        for row, code in outcome.refused:
            await set_aside(self._connection, row, code)
            self._careful.discard(self._place_of(producer, row) or TopicPartition("", 0))
        self._careful |= outcome.careful
        if outcome.failed:
            await self._replace_producer(outcome)
        return outcome

    async def _sendable(self, producer: Producer, page: Page) -> list[tuple[TopicPartition, asyncpg.Record]]:
        """The rows of a page that are not held; of partitions that are sent carefully the first one only."""
        rows: list[tuple[TopicPartition, asyncpg.Record]] = []
        begun: set[TopicPartition] = set()
        for row in page.rows:
            place = self._place_of(producer, row) or await self._look_up(producer, row)
            held = self._holds.covering(place)
            if held is not None:
                self._reader.skip(held, row)
            elif place not in self._careful or place not in begun:
                begun.add(place)
                rows.append((place, row))
        return rows

    def _place_of(self, producer: Producer, row: asyncpg.Record) -> TopicPartition | None:
        partitions = producer.client.cluster.partitions_for_topic(self._prefix + row["topic"])
        return TopicPartition(row["topic"], partition_of(row["key"], len(partitions))) if partitions else None

    async def _look_up(self, producer: Producer, row: asyncpg.Record) -> TopicPartition:
        """The partition of a row whose topic this producer has not met yet; holds a topic that is not there."""
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
        if self._began is None:
            await producer.begin_transaction()
            self._began = asyncio.get_running_loop().time()

    # What is committed

    def _is_commit_due(self) -> bool:
        if self._began is None:
            return False
        is_old = asyncio.get_running_loop().time() - self._began >= OPEN_S
        return is_old or len(self._reader.sent) >= OPEN_ROWS

    async def commit(self) -> None:
        """Commits the open transaction, then deletes the rows that it carried. Raises RelayFencedError."""
        producer = self._lanes.producer
        if self._began is None or producer is None:
            return
        try:
            await asyncio.wait_for(producer.commit_transaction(), LONGEST_COMMIT_S)
        except FENCED as error:
            raise RelayFencedError from error
        except (KafkaError, TimeoutError) as error:
            log("loop.failed", place="relay-commit", error=error)
            await self._replace_producer(Outcome())
            return
        self._began = None
        if self._reader.sent:
            await self._reader.delete_sent(self._watch.cluster_id, self._offsets)
            self._offsets.clear()

    # What fails

    async def _replace_producer(self, outcome: Outcome) -> None:
        """The transaction is given up: all that it carried is sent again, by a new producer."""
        self._began = None
        self._offsets.clear()
        self._reader.forget_sent()
        for_lane: set[TopicPartition] = set()
        for place, error in outcome.failed.items():
            if error is None:
                for_lane.add(place)
                self._holds.hold(place, "not-acknowledged", for_lane=True)
            elif isinstance(error, UNWRITABLE):
                self._holds.hold(TopicPartition(place.topic, ALL_PARTITIONS), _code_of(error))
            elif type(error) not in REFUSED_FOR_EVER:
                self._holds.hold(place, _code_of(error))
        await self._lanes.replace(for_lane)

    async def _look_at_held(self) -> None:
        """Releases what can be tried again: each alone, so that another failure costs the others nothing."""
        self._holds.alarm()
        for place in await self._lanes.look():
            self._release(place)
        due = self._holds.due()
        if due:
            await self.commit()
        for place in due:
            producer = self._lanes.producer
            if producer is not None and await self._try_again(producer, place):
                self._release(place)

    async def _try_again(self, producer: Producer, place: TopicPartition) -> bool:
        row = self._reader.first_skipped(place)
        if row is None:
            return True
        try:
            count = await count_partitions(producer, self._prefix + place.topic)
        except (KafkaError, TimeoutError) as error:
            self._holds.hold(place, _code_of(error))
            return False
        await self._begin(producer)
        target = TopicPartition(place.topic, partition_of(row["key"], count))
        outcome = await PageSender(producer, self._prefix, self._source).send([(target, row)])
        if not outcome.failed:
            return True
        if outcome.refused or outcome.careful:
            await self._replace_producer(Outcome())
            return True
        self._holds.hold(place, _code_of(outcome.failed[target]))
        await self._replace_producer(outcome)
        return False

    def _release(self, place: TopicPartition) -> None:
        self._holds.release(place)
        self._reader.release(place)

    async def _beat_heart(self, producer: Producer, page: Page, outcome: Outcome) -> None:
        """Partitions that are held get heartbeats too as far as they answer: they tell since when rows wait."""
        if not self._heartbeats.are_due():
            return
        counts: dict[str, int] = {}
        for topic in self._states:
            if self._holds.covering(TopicPartition(topic.name, ALL_PARTITIONS)) is None:
                with contextlib.suppress(KafkaError, TimeoutError):  # the topic's first row puts it on hold
                    counts[topic.name] = await count_partitions(producer, self._prefix + topic.name)
        unsent = {**outcome.unsent, **self._reader.oldest_skipped()}
        await self._heartbeats.send(self._reader, page, counts, unsent)


def _code_of(error: BaseException | None) -> str:
    return "not-acknowledged" if error is None else type(error).__name__
