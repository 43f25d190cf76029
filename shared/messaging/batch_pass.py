"""One pass over a batch: which records are finished or deferred, and the next offset of each partition."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shared.db.pool import Pool, transaction
from shared.messaging import offsets
from shared.messaging.batch_plan import BatchItem, BatchPlan, Deferred, Partition


@dataclass
class ReadProgress:
    """The stored next offset of each partition, and the offsets at or above it that are finished already.

    A finished record behind an unfinished one is read again with it; this process knows that it was finished.
    """

    next: dict[Partition, int] = field(default_factory=dict)
    finished: dict[Partition, set[int]] = field(default_factory=dict)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forgets everything about partitions whose stored offsets have been moved, perhaps back."""
        for partition in partitions:
            self.next.pop(partition, None)
            self.finished.pop(partition, None)

    def is_finished(self, item: BatchItem) -> bool:
        """Whether a record that is read again was finished before."""
        return item.record.offset in self.finished.get(item.partition, ())

    def move(self, next_offsets: dict[Partition, int], finished: Sequence[BatchItem]) -> None:
        """Notes that the transaction which stored `next_offsets` and finished these records has committed."""
        self.next.update(next_offsets)
        for item in finished:
            self.finished.setdefault(item.partition, set()).add(item.record.offset)
        for partition, next_offset in next_offsets.items():
            above = {offset for offset in self.finished.get(partition, ()) if offset >= next_offset}
            if above:
                self.finished[partition] = above
            else:
                self.finished.pop(partition, None)


@dataclass
class BatchPass:
    """The state of one pass over a batch, as far as its transactions have committed.

    `progress` None leaves offsets unchanged. `is_trial`: the circuit breaker is open and tries one record.
    """

    items: list[BatchItem]
    progress: ReadProgress | None
    is_trial: bool = False
    finished: set[BatchItem] = field(default_factory=set)
    deferred: Deferred = field(default_factory=Deferred)
    awaiting: list[BatchItem] = field(default_factory=list)
    behind_deferred: list[BatchItem] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.progress is not None:
            self.finished.update(item for item in self.items if self.progress.is_finished(item))

    @property
    def positions(self) -> dict[Partition, int]:
        """The stored offset from which each partition of the batch was read."""
        return {} if self.progress is None else self.progress.next

    def next_offsets(self, items: Sequence[BatchItem], finished: Sequence[BatchItem]) -> dict[Partition, int]:
        """Returns the lowest unfinished offset of each partition of `items`, once `finished` are finished too."""
        if self.progress is None:
            return {}
        all_finished = self.finished.union(finished)
        next_offsets: dict[Partition, int] = {}
        undecided = {item.partition for item in items}
        for item in self.items:
            if item.partition in undecided:
                next_offsets[item.partition] = item.record.offset
                if item in all_finished:
                    next_offsets[item.partition] += 1
                else:
                    undecided.discard(item.partition)
        return next_offsets

    def commit(self, plan: BatchPlan, deferred: Deferred, next_offsets: dict[Partition, int]) -> None:
        """Notes that the transaction which carried out `plan` has committed."""
        self.finished.update(plan.finished)
        self.awaiting += plan.awaiting
        self.behind_deferred += plan.behind_deferred
        self.deferred = deferred
        if self.progress is not None:
            self.progress.move(next_offsets, plan.finished)

    def replace(self, item: BatchItem, replacement: BatchItem) -> "BatchPass":
        """Returns a copy of this pass with `replacement` in the place of `item`."""
        items = [replacement if other is item else other for other in self.items]
        return BatchPass(items, self.progress, self.is_trial, set(self.finished), self.deferred)


async def move_over_finished(pool: Pool, group: str, batch: BatchPass) -> None:
    """Moves stored offsets over records that were finished before they were read, which no transaction of this pass
    did.

    Raises OffsetsMovedError.
    """
    if batch.progress is None:
        return
    next_offsets = batch.next_offsets(batch.items, [])
    moved = {partition: offset for partition, offset in next_offsets.items() if offset > batch.progress.next[partition]}
    if moved:
        await move_offsets(pool, group, batch.progress, moved)


async def move_offsets(pool: Pool, group: str, progress: ReadProgress, next_offsets: dict[Partition, int]) -> None:
    """Moves stored offsets in a transaction of their own, all of them from where `progress` stands, or none.

    Raises OffsetsMovedError.
    """
    async with transaction(pool) as connection:
        await offsets.begin_batch(connection, group, progress.next, next_offsets, {}, frozenset())
    progress.move(next_offsets, [])
