"""The sending side of the outbox: one leader per service, ordered read, batched send, delete after the commit.

Consumers read uncommitted, so a record counts as sent when it is acknowledged; its row is deleted after the commit of
the transaction that carried it, because compaction drops what was aborted. A crash sends again what was not deleted, in
order; consumers mind nothing twice. A partition that cannot be written holds back its own rows only.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import asyncpg
from aiokafka.errors import KafkaError

from shared.contracts.topics import Topic
from shared.db.pool import KEEPALIVES, TRANSIENT, Connection
from shared.enduring import endure
from shared.logs import log
from shared.outbox.append import CHANNEL, HURRY
from shared.outbox.heartbeats import Heartbeats
from shared.outbox.holds import ALL_PARTITIONS, Holds
from shared.outbox.lanes import Lanes, RelayFencedError
from shared.outbox.partitions import TopicPartition, partition_of
from shared.outbox.producer import REFUSED_FOR_EVER, MakeProducer, Producer
from shared.outbox.refused import set_aside
from shared.outbox.rows import OutboxReader, Page
from shared.outbox.sending import FENCED, UNWRITABLE, Outcome, PageSender, count_partitions

LEAD = "select pg_try_advisory_lock(1146097665, 1)"
SELECT_LANES = "select lane from outbox_lanes"
INSERT_LANE = "insert into outbox_lanes (lane) values ($1) on conflict on constraint outbox_lanes_pkey do nothing"
DELETE_LANES = "delete from outbox_lanes where lane = any($1::integer[])"
POLL_S = 1.0
GATHER_S = 0.05
"""After a wake-up the relay waits so long, so that one read and one delete serve several transactions, unless somebody
waits for one of them."""
NOT_LEADING_S = 0.5
OPEN_S = 1.0
OPEN_ROWS = 2000
"""A transaction is committed, and its rows deleted, after so long or so many."""
LONGEST_COMMIT_S = 10.0
NO_CLUSTER = "unknown"


class Relay:
    """Sends the outbox of one service, until `stop`; `states` are the topics that get heartbeats."""

    def __init__(
        self,
        dsn: str,
        producer: MakeProducer,
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
        self.came_round = asyncio.get_running_loop().time()
        self.sent = 0

    async def run(self) -> None:
        """Leads or waits to lead, until `stop`; whatever interrupts is told and tried again with back-off."""
        await endure("relay", self._lead, self.beat)

    def stop(self) -> None:
        """Ends `run` after the batch under way, so that a clean end sends nothing twice."""
        self._stopping = True
        self._wake.set()

    def beat(self) -> None:
        """This loop is alive."""
        self.came_round = asyncio.get_running_loop().time()

    async def _lead(self) -> bool:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=5,
            command_timeout=15,
            server_settings={
                "application_name": "relay",
                "timezone": "UTC",
                "jit": "off",
                # The outbox is almost empty or very full, whatever its statistics say; only its order by id is wanted.
                "enable_seqscan": "off",
                "plan_cache_mode": "force_custom_plan",
                **KEEPALIVES,
            },
        )
        try:
            while not await connection.fetchval(LEAD):
                if self._stopping:
                    return True
                self.beat()
                await asyncio.sleep(NOT_LEADING_S)
            await connection.add_listener(CHANNEL, self._called)
            leader = Leader(connection, self._make_producer, self._source, self._prefix)
            leader.heartbeats = Heartbeats(self._states, self._heartbeat_s)
            try:
                await self._lead_on(leader)
            finally:
                await leader.close()
            return True
        finally:
            with contextlib.suppress(*TRANSIENT):
                await connection.close(timeout=2)

    async def _lead_on(self, leader: "Leader") -> None:
        await leader.start()
        log("relay.led")
        while not self._stopping:
            self._wake.clear()  # before reading: a notification during the read is kept
            self._hurry.clear()
            is_full = await leader.step()
            self.sent = leader.sent_rows
            self.beat()
            if not is_full:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), leader.longest_wait())
                    await asyncio.wait_for(self._hurry.wait(), GATHER_S)
        await leader.commit()

    def _called(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._wake.set()
        if payload == HURRY:
            self._hurry.set()


class Leader:
    """The relay while it leads: one connection, the lanes, what is sent and not yet committed, what is held."""

    def __init__(self, connection: Connection, make: MakeProducer, source: bytes, prefix: str) -> None:
        self._connection = connection
        self._source, self._prefix = source, prefix
        self._lanes = Lanes(make, self._remember_lane)
        self._reader = OutboxReader(connection)
        self._holds = Holds()
        self._careful: set[TopicPartition] = set()
        self._offsets: dict[TopicPartition, int] = {}
        self._began: float | None = None
        self.heartbeats = Heartbeats((), 5)
        self.sent_rows = 0

    async def start(self) -> None:
        """Shuts out every earlier leader."""
        used = {row["lane"] for row in await self._connection.fetch(SELECT_LANES)}
        await self._lanes.start(used)

    async def step(self) -> bool:
        """Sends one page and what else is due. Returns whether more rows wait that can be sent now."""
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
        if self._lanes.producer is None:
            return GATHER_S
        if self._began is None:
            return POLL_S
        return max(0.0, min(POLL_S, self._began + OPEN_S - asyncio.get_running_loop().time()))

    async def close(self) -> None:
        """Ends at once; what is not committed will be sent again."""
        self._holds.clear()
        await self._lanes.close()

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
            log("loop.interrupted", place="relay-commit", error=error)
            await self._replace_producer(Outcome())
            return
        self._began = None
        if self._reader.sent:
            await self._reader.delete_sent(NO_CLUSTER, self._offsets)
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
        if not self.heartbeats.are_due():
            return
        await self._begin(producer)
        sender = PageSender(producer, self._prefix, self._source)
        unsent = {**outcome.unsent, **self._reader.oldest_skipped()}
        failed = await self.heartbeats.send(producer, sender, self._reader, page, unsent, self._holds)
        if failed:
            await self._replace_producer(Outcome(failed=failed))


def _code_of(error: BaseException | None) -> str:
    return "not-acknowledged" if error is None else type(error).__name__
