"""Makes a consumer read from the offsets in its database, whatever offsets the broker or the client hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.base import Actor
from shared.contracts.declarations import Service
from shared.db.pool import Connection, Pool, transaction
from shared.messaging import offsets
from shared.messaging.batch_pass import ReadProgress, move_offsets
from shared.messaging.batch_plan import Partition
from shared.messaging.outbox import append
from shared.messaging.outbox.operator_entries import entry_of_act
from shared.runtime.logs import log
from shared.runtime.metrics import OFFSETS_LOST

LOST_RETRY_INTERVAL = timedelta(seconds=10)
"""A partition whose offset was lost is checked again after this time, since a restored log may hold the offset."""
COMPARE_INTERVAL = timedelta(seconds=5)
"""A database that is restored to an earlier state while no record arrives is noticed within this time."""
STORE_INTERVAL = timedelta(minutes=1)
"""The shortest time between two transactions that store the client's positions alone."""


@dataclass(frozen=True)
class StoredOffset:
    """The next offset of a group in a partition, and the offsets that Kafka has: from `begins` to below `ends`."""

    group: str
    topic: str
    partition: int
    next: int
    begins: int
    ends: int

    @property
    def is_lost(self) -> bool:
        """Whether Kafka cannot continue from `next`."""
        return not self.begins <= self.next <= self.ends


class Positions:
    """The positions in the partitions of one group that are assigned to this member. `progress`: their next offsets.

    `cluster_id` is set before the first `seek_assigned`. A partition is read only after the client has sought its
    stored offset; records that the client fetched before are discarded.
    """

    def __init__(self, pool: Pool, group: str, prefix: str) -> None:
        self._pool, self._group, self._prefix = pool, group, prefix
        self.cluster_id = ""
        self._assignment: frozenset[TopicPartition] | None = None
        self._lost: dict[TopicPartition, float] = {}
        self._compared_at = self._stored_at = 0.0
        self.progress = ReadProgress()

    def is_current(self, client: AIOKafkaConsumer) -> bool:
        """Whether the assigned partitions are those of the last `seek_assigned`."""
        return client.assignment() is self._assignment and len(self.progress.next) + len(self._lost) == len(
            self._assignment or ()
        )

    async def seek_assigned(self, client: AIOKafkaConsumer, now: float) -> None:
        """Seeks each partition that was assigned, or whose position was forgotten, since the last call.

        `now`: event loop seconds.
        """
        assignment = client.assignment()
        if assignment is not self._assignment:
            self._assignment = assignment
            self.progress = ReadProgress()
            self._lost.clear()
            for topic in client.subscription():
                OFFSETS_LOST.labels(self._group, topic.removeprefix(self._prefix)).set(0)
        elif now - self._compared_at >= COMPARE_INTERVAL.total_seconds():
            await self._forget_moved()
            self._compared_at = now
        for partition in [
            partition for partition, since in self._lost.items() if now - since >= LOST_RETRY_INTERVAL.total_seconds()
        ]:
            del self._lost[partition]
        new = [
            partition
            for partition in assignment
            if self._partition(partition) not in self.progress.next and partition not in self._lost
        ]
        if new:
            await self._seek(client, new, now)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forgets partitions whose stored offsets have been moved: the next `seek_assigned` seeks them again."""
        self.progress.forget(partitions)

    def seek_unfinished(self, client: AIOKafkaConsumer, read: Mapping[Partition, int]) -> None:
        """Seeks the stored offset of each partition whose batch, up to the offset in `read`, was not finished."""
        for partition, end in read.items():
            stored = self.progress.next.get(partition)
            kafka_partition = TopicPartition(self._prefix + partition.topic, partition.number)
            if stored is not None and stored < end and kafka_partition in client.assignment():
                client.seek(kafka_partition, stored)

    def seek_stored(self, client: AIOKafkaConsumer) -> None:
        """Seeks the stored offset of every partition, after a failure at which the client may have moved on."""
        for partition, offset in self.assigned_offsets(client).items():
            client.seek(partition, offset)

    async def store_read(self, client: AIOKafkaConsumer, now: float) -> None:
        """Stores the client's positions that are beyond the stored offsets, at most once a minute.

        No batch may be in work: then every record before a position is finished, and the offsets between are
        transaction markers and records that compaction removed. Without this, a partition that retention has emptied
        would begin behind its stored offset, as if unread records were lost. `now`: event loop seconds.
        """
        if now - self._stored_at < STORE_INTERVAL.total_seconds() or not self.is_current(client):
            return
        ahead = {
            self._partition(partition): position
            for partition, offset in self.assigned_offsets(client).items()
            if (position := await client.position(partition)) > offset
        }
        if not ahead:
            return
        try:
            await move_offsets(self._pool, self._group, self.progress, ahead)
            self._stored_at = now
        except offsets.OffsetsMovedError:
            await self._forget_moved()

    def pause(self, client: AIOKafkaConsumer) -> None:
        """Stops fetching until `resume`, which then fetches from all partitions at once.

        Records that the client fetched ahead would be old when they are read. And while the client holds records of
        some partitions, it fetches only from the others, and waits as long as those have none.
        """
        client.pause(*self._readable(client))

    def resume(self, client: AIOKafkaConsumer) -> None:
        """Fetches from the position of each partition."""
        client.resume(*self._readable(client))

    def assigned_offsets(self, client: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        """Returns the next offset of each assigned partition that is read, as the client names partitions."""
        assignment = client.assignment()
        offsets = {
            TopicPartition(self._prefix + topic, number): offset
            for (topic, number), offset in self.progress.next.items()
        }
        return {partition: offset for partition, offset in offsets.items() if partition in assignment}

    async def load_stored_offsets(self, client: AIOKafkaConsumer) -> list[StoredOffset]:
        """Returns the stored offsets of the group in this cluster, also for partitions of other members."""
        async with self._pool.acquire() as connection:
            rows = await offsets.load_offsets(connection, self._group)
        stored = {
            TopicPartition(self._prefix + topic, number): row.next
            for (topic, number), row in sorted(rows.items())
            if self._is_of_cluster(row)
        }
        begins, ends = await client.beginning_offsets(list(stored)), await client.end_offsets(list(stored))
        return [
            StoredOffset(self._group, *self._partition(partition), offset, begins[partition], ends[partition])
            for partition, offset in stored.items()
        ]

    async def reset_lost(self, client: AIOKafkaConsumer, operator: Actor) -> list[StoredOffset]:
        """Resets the lost offsets of the group, and no others, to the beginning of their partitions.

        Returns the partitions that were reset, with their former offsets; the ledger gets an entry if there are any.
        """
        lost = [stored for stored in await self.load_stored_offsets(client) if stored.is_lost]
        if not lost:
            return []
        service: Service = self._group.partition(".")[0]  # type: ignore[assignment]  # the first part of a group's name
        async with transaction(self._pool) as connection:
            await self.set_next(connection, {Partition(each.topic, each.partition): each.begins for each in lost})
            entry = entry_of_act(service, operator, "reset-offsets", self._group, count=len(lost))
            await append(connection, [entry])
        for each in lost:
            log("offsets.reset", group=self._group, topic=each.topic, partition=each.partition, offset=each.begins)
        return lost

    async def set_next(self, connection: Connection, next_offsets: Mapping[Partition, int]) -> None:
        """Stores where the group continues. A member that reads elsewhere notices at its next batch."""
        await offsets.set_next(connection, self._group, next_offsets)

    async def _forget_moved(self) -> None:
        """Forgets partitions whose offsets another member or an operator moved; no batch of this member is in
        flight."""
        async with self._pool.acquire() as connection:
            stored = await offsets.load_offsets(connection, self._group)
        expected = {
            partition: offsets.NextOffset(offset, self.cluster_id) for partition, offset in self.progress.next.items()
        }
        moved = [partition for partition, offset in expected.items() if stored.get(partition) != offset]
        if moved:
            log("offsets.moved", group=self._group, count=len(moved))
            self.forget(moved)

    async def _seek(self, client: AIOKafkaConsumer, new: list[TopicPartition], now: float) -> None:
        stored = await self._load(client, new)
        begins, ends = await client.beginning_offsets(new), await client.end_offsets(new)
        for partition in new:
            if partition not in client.assignment():
                continue
            offset = stored[self._partition(partition)]
            view = StoredOffset(self._group, *self._partition(partition), offset, begins[partition], ends[partition])
            if not view.is_lost:
                client.seek(partition, offset)
                client.resume(partition)
                self.progress.next[self._partition(partition)] = offset
            else:
                # A partition without a position keeps the client from fetching anything from its broker.
                client.seek(partition, ends[partition])
                client.pause(partition)
                self._lost[partition] = now
                log("offsets.lost", group=self._group, topic=partition.topic, partition=partition.partition)
        for topic in {partition.topic for partition in new}:
            lost = any(partition.topic == topic for partition in self._lost)
            OFFSETS_LOST.labels(self._group, topic.removeprefix(self._prefix)).set(lost)

    async def _load(self, client: AIOKafkaConsumer, new: list[TopicPartition]) -> dict[Partition, int]:
        """Returns the stored offsets; stores one first for each partition that has none in this cluster."""
        async with transaction(self._pool) as connection:
            await offsets.lock_group(connection, self._group)
            stored = await offsets.load_offsets(connection, self._group)
            missing = [
                partition for partition in new if not self._is_of_cluster(stored.get(self._partition(partition)))
            ]
            if missing and await offsets.takes_broker_offsets(connection, self._group):
                missing = sorted({*missing, *self._all_partitions(client)})
                starts = await self._from_broker(client, missing)
            elif missing:
                starts = await client.beginning_offsets(missing)
            else:
                starts = {}
            initial = {self._partition(partition): start for partition, start in starts.items()}
            await offsets.insert_offsets(connection, self._group, self.cluster_id, initial)
        return {partition: row.next for partition, row in stored.items()} | initial

    def _readable(self, client: AIOKafkaConsumer) -> list[TopicPartition]:
        """Returns the assigned partitions that are read, without those whose offset is lost."""
        return [partition for partition in client.assignment() if self._partition(partition) in self.progress.next]

    def _is_of_cluster(self, stored: offsets.NextOffset | None) -> bool:
        return stored is not None and stored.cluster_id == self.cluster_id

    def _all_partitions(self, client: AIOKafkaConsumer) -> list[TopicPartition]:
        topics = sorted(client.subscription())
        return [
            TopicPartition(topic, number) for topic in topics for number in client.partitions_for_topic(topic) or ()
        ]

    async def _from_broker(
        self, client: AIOKafkaConsumer, partitions: list[TopicPartition]
    ) -> dict[TopicPartition, int]:
        begins = await client.beginning_offsets(partitions)
        committed = {partition: await client.committed(partition) for partition in partitions}
        log("offsets.adopted", group=self._group, count=len(partitions))
        return {
            partition: begins[partition] if committed[partition] is None else committed[partition]
            for partition in partitions
        }

    def _partition(self, partition: TopicPartition) -> Partition:
        return Partition(partition.topic.removeprefix(self._prefix), partition.partition)
