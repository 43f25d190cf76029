"""Where a consumer reads on in Kafka: from the offsets in its database, whatever the broker or the client remember."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.db.pool import Connection, Pool, transaction
from shared.messaging import offsets
from shared.messaging.batch_pass import Progress
from shared.messaging.batch_plan import Partition
from shared.runtime.logs import log
from shared.runtime.metrics import OFFSETS_LOST

LOOK_AGAIN = timedelta(seconds=10)
"""After which a partition whose offset was lost is looked at again: a restored log may have it."""
COMPARE_EVERY = timedelta(seconds=5)
"""A database that was set back while nothing came is noticed within this time."""


@dataclass(frozen=True)
class StoredOffset:
    """Where a group goes on in a partition, and what Kafka holds of it: the offsets `begins` to below `ends`."""

    group: str
    topic: str
    partition: int
    next: int
    begins: int
    ends: int

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be read from there."""
        return not self.begins <= self.next <= self.ends


class Positions:
    """The partitions of one group that this member holds. `progress` is where each goes on.

    `cluster_id` is set before the first `place`. A partition is read from only after it was sought to its stored
    offset; what was fetched before that is discarded.
    """

    def __init__(self, pool: Pool, group: str, prefix: str) -> None:
        self._pool, self._group, self._prefix = pool, group, prefix
        self.cluster_id = ""
        self._assignment: frozenset[TopicPartition] | None = None
        self._lost: dict[TopicPartition, float] = {}
        self._compared_at = 0.0
        self.progress = Progress()

    def is_current(self, client: AIOKafkaConsumer) -> bool:
        """Whether the partitions are still those of the last `place`."""
        return client.assignment() is self._assignment and len(self.progress.next) + len(self._lost) == len(
            self._assignment or ()
        )

    async def place(self, client: AIOKafkaConsumer, now: float) -> None:
        """Seeks every partition that was assigned, or whose position was forgotten, since the last call."""
        assignment = client.assignment()
        if assignment is not self._assignment:
            self._assignment = assignment
            self.progress = Progress()
            self._lost.clear()
            for topic in client.subscription():
                OFFSETS_LOST.labels(self._group, topic.removeprefix(self._prefix)).set(0)
        elif now - self._compared_at >= COMPARE_EVERY.total_seconds():
            await self._compare()
            self._compared_at = now
        for partition in [one for one, since in self._lost.items() if now - since >= LOOK_AGAIN.total_seconds()]:
            del self._lost[partition]
        new = [one for one in assignment if self._partition(one) not in self.progress.next and one not in self._lost]
        if new:
            await self._seek(client, new, now)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """The stored offsets of these have moved: the next `place` seeks them again."""
        self.progress.forget(partitions)

    def seek_unfinished(self, client: AIOKafkaConsumer, read: Mapping[Partition, int]) -> None:
        """Goes back to the stored offset where a batch that ended at `read` was not finished."""
        for partition, end in read.items():
            stored = self.progress.next.get(partition)
            place = TopicPartition(self._prefix + partition[0], partition[1])
            if stored is not None and stored < end and place in client.assignment():
                client.seek(place, stored)

    def pause(self, client: AIOKafkaConsumer) -> None:
        """Fetches nothing until `resume`, which then fetches from all partitions at once.

        What the client fetches ahead would be old when it is taken; and while it holds some of it, it waits for the
        other partitions alone, for as long as those have nothing.
        """
        client.pause(*self._placed(client))

    def resume(self, client: AIOKafkaConsumer) -> None:
        """Fetches from where each partition goes on."""
        client.resume(*self._placed(client))

    def for_lag(self) -> dict[TopicPartition, Any]:
        """What to commit to the broker, which shows it as lag and nothing else."""
        return {TopicPartition(self._prefix + topic, number): at for (topic, number), at in self.progress.next.items()}

    async def survey(self, client: AIOKafkaConsumer) -> list[StoredOffset]:
        """The stored offsets of the group in this cluster, whichever member holds the partition."""
        async with self._pool.acquire() as connection:
            rows = await offsets.load_offsets(connection, self._group)
        stored = {
            TopicPartition(self._prefix + topic, number): row.next
            for (topic, number), row in sorted(rows.items())
            if self._is_of_cluster(row)
        }
        begins, ends = await client.beginning_offsets(list(stored)), await client.end_offsets(list(stored))
        return [
            StoredOffset(self._group, *self._partition(place), at, begins[place], ends[place])
            for place, at in stored.items()
        ]

    async def set_next(self, connection: Connection, nexts: Mapping[Partition, int]) -> None:
        """Lets the group go on at these offsets; whoever reads from elsewhere notices it."""
        await offsets.set_next(connection, self._group, nexts)

    async def _compare(self) -> None:
        """Forgets what is no longer as it is stored. Nothing is in flight: only another hand can have moved it."""
        async with self._pool.acquire() as connection:
            stored = await offsets.load_offsets(connection, self._group)
        held = {partition: offsets.Stored(at, self.cluster_id) for partition, at in self.progress.next.items()}
        moved = [partition for partition, at in held.items() if stored.get(partition) != at]
        if moved:
            log("offsets.moved", group=self._group, count=len(moved))
            self.forget(moved)

    async def _seek(self, client: AIOKafkaConsumer, new: list[TopicPartition], now: float) -> None:
        stored = await self._load(client, new)
        begins, ends = await client.beginning_offsets(new), await client.end_offsets(new)
        for partition in new:
            if partition not in client.assignment():
                continue
            at = stored[self._partition(partition)]
            place = StoredOffset(self._group, *self._partition(partition), at, begins[partition], ends[partition])
            if not place.is_lost:
                client.seek(partition, at)
                client.resume(partition)
                self.progress.next[self._partition(partition)] = at
            else:
                # A position, though none that is read from: without one the client fetches nothing from its broker.
                client.seek(partition, ends[partition])
                client.pause(partition)
                self._lost[partition] = now
                log("offsets.lost", group=self._group, topic=partition.topic, partition=partition.partition)
        for topic in {partition.topic for partition in new}:
            lost = any(partition.topic == topic for partition in self._lost)
            OFFSETS_LOST.labels(self._group, topic.removeprefix(self._prefix)).set(lost)

    async def _load(self, client: AIOKafkaConsumer, new: list[TopicPartition]) -> dict[Partition, int]:
        """The stored offsets; partitions that have none in this cluster get one first."""
        async with transaction(self._pool) as connection:
            await offsets.lock_group(connection, self._group)
            stored = await offsets.load_offsets(connection, self._group)
            missing = [one for one in new if not self._is_of_cluster(stored.get(self._partition(one)))]
            if missing and await offsets.takes_broker_offsets(connection, self._group):
                missing = sorted({*missing, *self._all_partitions(client)})
                starts = await self._from_broker(client, missing)
            elif missing:
                starts = await client.beginning_offsets(missing)
            else:
                starts = {}
            begun = {self._partition(one): start for one, start in starts.items()}
            await offsets.insert_offsets(connection, self._group, self.cluster_id, begun)
        return {partition: row.next for partition, row in stored.items()} | begun

    def _placed(self, client: AIOKafkaConsumer) -> list[TopicPartition]:
        """The partitions that are read from: not those whose offset is lost."""
        return [place for place in client.assignment() if self._partition(place) in self.progress.next]

    def _is_of_cluster(self, stored: offsets.Stored | None) -> bool:
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
        return {one: begins[one] if committed[one] is None else committed[one] for one in partitions}

    def _partition(self, partition: TopicPartition) -> Partition:
        return partition.topic.removeprefix(self._prefix), partition.partition
