"""The transactions of a batch: each moves the stored offsets together with the effects of its records."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from uuid import UUID

from shared.crypto.keyring import KeyUnknownError
from shared.db.pool import Connection, Pool, transaction
from shared.messaging import copies, offsets
from shared.messaging.batch_effects import BatchEffects
from shared.messaging.batch_outcomes import parked_for_copy
from shared.messaging.batch_pass import BatchPass
from shared.messaging.batch_plan import BatchItem, BatchPlan, Deferred, Partition, plan_batch
from shared.messaging.envelope import InvalidRecord, Message, Skipped
from shared.messaging.parked_messages import RecordToPark
from shared.messaging.subscription import Subscription
from shared.runtime.metrics import DROPPED, SKIPPED


@dataclass(frozen=True)
class PlannedTransaction:
    """The plan of a transaction, and the state of the pass over the batch once it has committed."""

    plan: BatchPlan
    deferred: Deferred
    next_offsets: dict[Partition, int]


@dataclass(frozen=True)
class Applied:
    """A plan that was carried out, and the keys whose copy was raised to a newer version (state topics)."""

    plan: BatchPlan
    newer_keys: set[bytes]


class BatchTransactions:
    """The transactions of one subscription's batches. Each raises OffsetsMovedError."""

    def __init__(self, pool: Pool, subscription: Subscription, effects: BatchEffects) -> None:
        self._pool = pool
        self._subscription = subscription
        self._group = subscription.group.name
        self._effects = effects

    async def apply(self, batch: BatchPass, items: Sequence[BatchItem]) -> Applied:
        """Handles the items that can be handled now."""
        async with transaction(self._pool) as connection:
            planned = await self._begin(connection, batch, items)
            newer_keys = await self._effects.apply(connection, planned.plan)
        batch.commit(planned.plan, planned.deferred, planned.next_offsets)
        self._report(planned.plan)
        return Applied(planned.plan, newer_keys)

    async def make_dead_letter(self, batch: BatchPass, item: BatchItem, code: str) -> None:
        """Makes one item a dead letter, or drops it when its medical record has been erased."""
        async with transaction(self._pool) as connection:
            planned = await self._begin_as_invalid(connection, batch, item, code)
            await self._effects.record_dead_letters(connection, planned.plan.invalid_records)
        batch.commit(BatchPlan(finished=[item]), planned.deferred, planned.next_offsets)
        self._report(planned.plan)

    async def park_for_key(self, batch: BatchPass, item: BatchItem) -> None:
        """Parks one item until its encryption key is known here; drops it when its medical record has been erased."""
        code = KeyUnknownError.code
        async with transaction(self._pool) as connection:
            planned = await self._begin_as_invalid(connection, batch, item, code)
            if planned.plan.invalid_records:
                await self._effects.park(connection, [RecordToPark(item.record, item.topic, "awaiting-key")])
                if self._subscription.is_state and item.record.key:
                    await copies.mark_broken(connection, item.topic, item.record.key, item.record.offset, code)
        batch.commit(BatchPlan(finished=[item]), planned.deferred, planned.next_offsets)

    async def park_for_copy(self, batch: BatchPass, items: Sequence[BatchItem]) -> None:
        """Parks items that await a copy, and those behind them; drops items whose medical record has been erased."""
        next_offsets = batch.next_offsets(items, items)
        async with transaction(self._pool) as connection:
            record_ids = self._subscription.erasable_records(item.record.key for item in items)
            start = await offsets.begin_batch(
                connection, self._group, batch.positions, next_offsets, record_ids, frozenset()
            )
            remaining = [item for item in items if item.record.key not in start.erased]
            await self._effects.park(connection, parked_for_copy(remaining))
        batch.commit(BatchPlan(finished=list(items)), batch.deferred, next_offsets)

    async def _begin(self, connection: Connection, batch: BatchPass, items: Sequence[BatchItem]) -> PlannedTransaction:
        """Moves the offsets as if all items were finished, plans the items, and corrects the offsets if necessary."""
        parks_behind = self._subscription.parks_behind_dead_letters
        hoped_offsets = batch.next_offsets(items, items)
        start = await offsets.begin_batch(
            connection,
            self._group,
            batch.positions,
            hoped_offsets,
            self._subscription.erasable_records(item.record.key for item in items),
            {item.key for item in items if isinstance(item.decoded, Message)} if parks_behind else frozenset(),
        )
        plan, deferred = self._plan(batch, items, start, frozenset())
        if self._subscription.awaiting_version is not None and plan.handled:
            awaiting = await self._subscription.awaiting_version(connection, plan.handled)
            if awaiting:
                plan, deferred = self._plan(batch, items, start, awaiting)
        next_offsets = batch.next_offsets(items, plan.finished)
        if next_offsets != hoped_offsets:
            await offsets.set_next(connection, self._group, next_offsets)
        return PlannedTransaction(plan, deferred, next_offsets)

    async def _begin_as_invalid(
        self, connection: Connection, batch: BatchPass, item: BatchItem, code: str
    ) -> PlannedTransaction:
        """Begins the transaction of one item as if its record were invalid. The plan of an erased one is empty."""
        invalid = BatchItem(item.record, item.topic, InvalidRecord(item.record, item.topic, code))
        return await self._begin(connection, batch.replace(item, invalid), [invalid])

    def _plan(
        self, batch: BatchPass, items: Sequence[BatchItem], start: offsets.BatchStart, awaiting: Set[UUID]
    ) -> tuple[BatchPlan, Deferred]:
        deferred = Deferred(set(batch.deferred.keys), set(batch.deferred.partitions))
        plan = plan_batch(
            items,
            deferred=deferred,
            erased=start.erased,
            parked=start.parked,
            awaiting=awaiting,
            parks_behind_dead_letters=self._subscription.parks_behind_dead_letters,
        )
        return plan, deferred

    def _report(self, plan: BatchPlan) -> None:
        """Counts and logs what a committed transaction did."""
        if plan.dropped:
            DROPPED.labels(self._group).inc(plan.dropped)
        for item in plan.finished:
            if isinstance(item.decoded, Skipped):
                SKIPPED.labels(self._group, item.decoded.code).inc()
        self._effects.report(plan)
