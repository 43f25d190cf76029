"""One pass over a batch: what is finished, what cannot be finished now, and where each partition goes on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shared.db.pool import Pool, transaction
from shared.messaging import offsets
from shared.messaging.batch_plan import BatchPlan, Held, Item, Partition


@dataclass
class Progress:
    """Where each partition goes on, as stored, and which offsets above that are finished already.

    A record behind an unfinished one is read again with it; this process then remembers that it was dealt with.
    """

    next: dict[Partition, int] = field(default_factory=dict)
    finished: dict[Partition, set[int]] = field(default_factory=dict)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """The stored offsets of these have moved, perhaps back: nothing that was known of them counts."""
        for partition in partitions:
            self.next.pop(partition, None)
            self.finished.pop(partition, None)

    def is_finished(self, item: Item) -> bool:
        """Whether a record that is read again was dealt with before."""
        return item.record.offset in self.finished.get(item.partition, ())

    def move(self, nexts: dict[Partition, int], finished: Sequence[Item]) -> None:
        """The transaction that stored `nexts` has committed."""
        self.next.update(nexts)
        for item in finished:
            self.finished.setdefault(item.partition, set()).add(item.record.offset)
        for partition, at in nexts.items():
            above = {offset for offset in self.finished.get(partition, ()) if offset >= at}
            if above:
                self.finished[partition] = above
            else:
                self.finished.pop(partition, None)


@dataclass
class Pass:
    """`progress` None leaves offsets alone. `is_trial`: the circuit breaker is open and tries one record."""

    items: list[Item]
    progress: Progress | None
    is_trial: bool = False
    finished: set[Item] = field(default_factory=set)
    held: Held = field(default_factory=Held)
    awaiting: list[Item] = field(default_factory=list)
    held_back: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.progress is not None:
            self.finished.update(item for item in self.items if self.progress.is_finished(item))

    @property
    def positions(self) -> dict[Partition, int]:
        """Where the batch was read from."""
        return {} if self.progress is None else self.progress.next

    def next_offsets(self, items: Sequence[Item], finished: Sequence[Item]) -> dict[Partition, int]:
        """The lowest unfinished offset of each partition of `items`, once `finished` are finished too."""
        if self.progress is None:
            return {}
        done = self.finished.union(finished)
        nexts: dict[Partition, int] = {}
        undecided = {item.partition for item in items}
        for item in self.items:
            if item.partition in undecided:
                nexts[item.partition] = item.record.offset
                if item in done:
                    nexts[item.partition] += 1
                else:
                    undecided.discard(item.partition)
        return nexts

    def commit(self, plan: BatchPlan, held: Held, nexts: dict[Partition, int]) -> None:
        """The transaction that did what is planned has committed."""
        self.finished.update(plan.finished)
        self.awaiting += plan.awaiting
        self.held_back += plan.held_back
        self.held = held
        if self.progress is not None:
            self.progress.move(nexts, plan.finished)

    def replace(self, item: Item, replacement: Item) -> "Pass":
        """The same pass with one item decoded otherwise."""
        items = [replacement if other is item else other for other in self.items]
        return Pass(items, self.progress, self.is_trial, set(self.finished), self.held)


async def move_over_finished(pool: Pool, group: str, batch: Pass) -> None:
    """Moves the offsets over records that were all finished when they were read: no transaction of theirs did.

    Raises OffsetsMovedError.
    """
    if batch.progress is None:
        return
    nexts = batch.next_offsets(batch.items, [])
    moved = {partition: at for partition, at in nexts.items() if at > batch.progress.next[partition]}
    if moved:
        async with transaction(pool) as connection:
            await offsets.begin_batch(connection, group, batch.positions, moved, {}, frozenset())
        batch.progress.move(moved, [])
