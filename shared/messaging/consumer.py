"""What happens to a batch of records: the one place where errors get their fate.

- permanent (bad bytes, broken rule): a dead letter at once, the traffic behind goes on;
- transient (database or broker away, own copy behind): the same records come again after a wait;
- bug: a few tries, then a dead letter, with a circuit breaker: past a ratio of failures the consumer stops instead of
  emptying its topic.

A batch comes to the same as its records one at a time, in the order of offsets for each key (`batch_plan`). A batch
that fails is halved until the culprit is alone. The next offset of each partition is written in the transaction of the
effect.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from uuid import UUID

import asyncpg

from shared.contracts.base import Event, HeartbeatSent, StateWithheld
from shared.crypto.keyring import KeyUnknownError
from shared.db.pool import Connection, Pool, is_transient, transaction
from shared.errors import PermanentError, TransientError
from shared.messaging import copies, offsets
from shared.messaging.batch_effects import BatchEffects
from shared.messaging.batch_outcomes import (
    COPY_BEHIND,
    attempt_outcomes,
    keys_on_broken_copies,
    parked_for_copy,
    predict_failure,
)
from shared.messaging.batch_pass import BatchPass, ReadProgress, move_over_finished
from shared.messaging.batch_plan import BatchItem, BatchPlan, Deferred, Partition, RecordPosition, plan_batch
from shared.messaging.circuit_breaker import CircuitBreaker
from shared.messaging.envelope import InvalidRecord, Message, Record, Skipped, decode
from shared.messaging.parked_messages import RecordToPark
from shared.messaging.subscription import Subscription
from shared.runtime.logs import log
from shared.runtime.metrics import CONSUMED, DROPPED, SKIPPED, STOPPED

MAX_ATTEMPTS = 3
PARK_AFTER_S = 60.0
TIMEOUTS = (
    asyncpg.QueryCanceledError,
    asyncpg.TransactionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
"""The server ended a statement or a transaction that took too long: a smaller batch may get through."""

OnStatesApplied = Callable[[set[bytes], Callable[[], None]], Awaitable[None]]
"""Told which keys a state group has applied, and what to call while that takes time."""


class RetryError(TransientError):
    """The batch is to come again."""

    code = "batch-retried"


class CopyBehindError(TransientError):
    """A message rests on a version of a copy that has not been applied here yet."""

    code = COPY_BEHIND


class Consumer:
    """Deals with the batches of one subscription. `on_states_applied` is told which keys a state group has applied."""

    def __init__(
        self,
        pool: Pool,
        subscription: Subscription,
        *,
        prefix: str = "",
        on_states_applied: OnStatesApplied | None = None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.pool = pool
        self.subscription = subscription
        self.name = subscription.group.name
        self.prefix = prefix
        self.circuit_breaker = CircuitBreaker()
        self.on_progress = on_progress
        self.on_states_applied = on_states_applied
        own: set[type[Event]] = {HeartbeatSent, StateWithheld}
        self._types = frozenset(event.ce_type for event in (*subscription.events, *own))
        self.parks_behind_dead_letters = subscription.quarantine is None and not subscription.is_state
        self._attempts: dict[RecordPosition, int] = {}
        self._waits: dict[RecordPosition, float] = {}
        self.effects = BatchEffects(subscription)

    async def consume(self, records: Sequence[Record], progress: ReadProgress | None = None) -> None:
        """Returns when every record is dealt with. Raises a transient error when some must come again.

        `progress`: where this batch was read from in each partition, as stored; moved on as transactions commit. None
        leaves offsets alone.
        """
        items = [BatchItem(record, record.topic.removeprefix(self.prefix), self.decode(record)) for record in records]
        is_trial = self.circuit_breaker.is_open
        batch = BatchPass(self._admitted(items), progress, is_trial=is_trial)
        unfinished = [item for item in batch.items if item not in batch.finished]
        try:
            await self._process(batch, unfinished)
            if batch.awaiting:
                await self._wait_or_park(batch)
            await move_over_finished(self.pool, self.name, batch)
        finally:
            finished = [item.position for item in unfinished if item in batch.finished]
            CONSUMED.labels(self.name).inc(len(finished))
            # Only these: what another partition's records have waited and tried so far counts on.
            for position in finished:
                self._waits.pop(position, None)
                self._attempts.pop(position, None)
        if len(batch.finished) < len(items):
            raise RetryError

    def decode(self, record: Record) -> Message[Event] | InvalidRecord | Skipped:
        """What the record is to this group."""
        decoded = decode(record, self.prefix, self._types)
        if self.subscription.enters_unknown_types and decoded == Skipped("type-unknown"):
            return InvalidRecord(record, record.topic.removeprefix(self.prefix), "type-unknown")
        return decoded

    # -- The circuit breaker ------------------------------------------------------------------------------------------

    def _admitted(self, items: list[BatchItem]) -> list[BatchItem]:
        """The records that may be attempted now. Raises RetryError where the breaker admits none."""
        outcomes = [predict_failure(self.subscription, item) for item in items]
        count = self.circuit_breaker.admitted_count(outcomes, asyncio.get_running_loop().time())
        if count == 0:
            raise RetryError
        return items[:count]

    def _record_outcomes(self, outcomes: Sequence[bool]) -> None:
        """Tells the breaker which attempts failed."""
        change = self.circuit_breaker.record_outcomes(outcomes, asyncio.get_running_loop().time())
        if change is not None:
            STOPPED.labels(self.name).set(change == "opened")
            log("consumer.stopped" if change == "opened" else "consumer.resumed", group=self.name)

    # -- One pass: whole, or in halves --------------------------------------------------------------------------------

    async def _process(self, batch: BatchPass, items: list[BatchItem]) -> None:
        """Attempts all in one transaction; what fails is halved until the culprit is alone.

        Raises a transient error that concerns more than one record.
        """
        for part in self._parts(items):
            if self.circuit_breaker.is_open and not batch.is_trial:
                raise RetryError
            self.on_progress()
            try:
                applied = await self._attempt(batch, part)
            except Exception as error:  # whatever it is gets its fate here
                if is_transient(error) and not isinstance(error, (*TIMEOUTS, KeyUnknownError)):
                    raise
                await self._halve(batch, part, error)
            else:
                # Outside of the attempt: what goes wrong in here says nothing about records that are done.
                if applied and self.on_states_applied is not None:
                    await self.on_states_applied(applied, self.on_progress)

    async def _halve(self, batch: BatchPass, items: list[BatchItem], error: Exception) -> None:
        """The fate of records that failed together."""
        if len(items) == 1:
            await self._decide_fate(batch, items[0], error)
            return
        log("batch.failed", group=self.name, count=len(items), error=error)
        middle = len(items) // 2
        await self._process(batch, items[:middle])
        await self._process(batch, items[middle:])

    def _parts(self, items: list[BatchItem]) -> list[list[BatchItem]]:
        """What is attempted together: a record that failed alone before is alone again."""
        parts: list[list[BatchItem]] = []
        was_alone = True
        for item in items:
            is_alone = item.position in self._attempts
            if is_alone or was_alone:
                parts.append([])
            parts[-1].append(item)
            was_alone = is_alone
        return parts

    async def _attempt(self, batch: BatchPass, items: list[BatchItem]) -> set[bytes]:
        """One transaction for all of these. Returns the keys whose copy was raised to a newer version."""
        async with transaction(self.pool) as connection:
            plan, deferred, next_offsets = await self._begin(connection, batch, items)
            applied = await self.effects.apply(connection, plan)
        batch.commit(plan, deferred, next_offsets)
        self._count(plan)
        self.effects.report(plan)
        self._record_outcomes(attempt_outcomes(self.subscription, plan))
        return applied

    async def _begin(
        self, connection: Connection, batch: BatchPass, items: list[BatchItem]
    ) -> tuple[BatchPlan, Deferred, dict[Partition, int]]:
        """The plan for these items. Offsets move on as if all were finished, and back if some are not."""
        hoped_offsets = batch.next_offsets(items, items)
        start = await offsets.begin_batch(
            connection,
            self.name,
            batch.positions,
            hoped_offsets,
            self.subscription.erasable_records(item.record.key for item in items),
            {item.key for item in items if isinstance(item.decoded, Message)}
            if self.parks_behind_dead_letters
            else frozenset(),
        )
        plan, deferred = self._plan(batch, items, start, frozenset())
        if self.subscription.awaiting_version is not None and plan.handled:
            awaiting = await self.subscription.awaiting_version(connection, plan.handled)
            if awaiting:
                plan, deferred = self._plan(batch, items, start, awaiting)
        next_offsets = batch.next_offsets(items, plan.finished)
        if next_offsets != hoped_offsets:
            await offsets.set_next(connection, self.name, next_offsets)
        return plan, deferred, next_offsets

    def _plan(
        self, batch: BatchPass, items: list[BatchItem], start: offsets.BatchStart, awaiting: Set[UUID]
    ) -> tuple[BatchPlan, Deferred]:
        deferred = Deferred(set(batch.deferred.keys), set(batch.deferred.partitions))
        plan = plan_batch(
            items,
            deferred=deferred,
            erased=start.erased,
            parked=start.parked,
            awaiting=awaiting,
            parks_behind_dead_letters=self.parks_behind_dead_letters,
        )
        return plan, deferred

    def _count(self, plan: BatchPlan) -> None:
        if plan.dropped:
            DROPPED.labels(self.name).inc(plan.dropped)
        for item in plan.finished:
            if isinstance(item.decoded, Skipped):
                SKIPPED.labels(self.name, item.decoded.code).inc()

    # -- A record that failed alone -----------------------------------------------------------------------------------

    async def _decide_fate(self, batch: BatchPass, item: BatchItem, error: Exception) -> None:
        """Makes the record a dead letter, parks it, or holds it for another attempt."""
        if isinstance(error, PermanentError):
            await self._give_up(batch, item, error.code)
        elif isinstance(error, KeyUnknownError):
            if self._has_waited(item):
                await self._park_alone(batch, item)
            else:
                batch.deferred.defer(item)
        else:
            await self._try_again(batch, item, error)

    async def _try_again(self, batch: BatchPass, item: BatchItem, error: Exception) -> None:
        """Holds a record that met a bug or a time-out; after three attempts it is a dead letter."""
        attempt = self._attempts[item.position] = self._attempts.get(item.position, 0) + 1
        log("batch.failed", group=self.name, attempt=attempt, count=1, error=error)
        if attempt < MAX_ATTEMPTS:
            batch.deferred.defer(item)
        elif self.circuit_breaker.opens_at_next_failure():
            self._record_outcomes([True])
            raise RetryError from error
        else:
            await self._give_up(batch, item, "handler-timed-out" if isinstance(error, TIMEOUTS) else "handler-failed")

    async def _give_up(self, batch: BatchPass, item: BatchItem, code: str) -> None:
        invalid_record = BatchItem(item.record, item.topic, InvalidRecord(item.record, item.topic, code))
        await self._attempt_in_place(batch, item, invalid_record)
        self._record_outcomes([self.subscription.quarantine is None or code.startswith("handler-")])

    async def _attempt_in_place(self, batch: BatchPass, item: BatchItem, invalid_record: BatchItem) -> None:
        """What was decoded is replaced by its letter, in a transaction of its own."""
        async with transaction(self.pool) as connection:
            plan, deferred, next_offsets = await self._begin(
                connection, batch.replace(item, invalid_record), [invalid_record]
            )
            await self.effects.record_dead_letters(connection, plan.invalid_records)
        batch.commit(BatchPlan(finished=[item]), deferred, next_offsets)
        self._count(plan)
        self.effects.report(plan)

    async def _park_alone(self, batch: BatchPass, item: BatchItem) -> None:
        """Parks a message that is sealed under a key that is not here, so that it blocks no partition."""
        async with transaction(self.pool) as connection:
            invalid_record = BatchItem(
                item.record, item.topic, InvalidRecord(item.record, item.topic, KeyUnknownError.code)
            )
            plan, deferred, next_offsets = await self._begin(
                connection, batch.replace(item, invalid_record), [invalid_record]
            )
            if plan.invalid_records:
                await self.effects.park(connection, [RecordToPark(item.record, item.topic, "awaiting-key")])
                if self.subscription.is_state and item.record.key:
                    await copies.mark_broken(
                        connection, item.topic, item.record.key, item.record.offset, KeyUnknownError.code
                    )
        batch.commit(BatchPlan(finished=[item]), deferred, next_offsets)

    def _has_waited(self, item: BatchItem) -> bool:
        """Whether the record has waited its time, from when this was asked first."""
        moment = asyncio.get_running_loop().time()
        return moment - self._waits.setdefault(item.position, moment) >= PARK_AFTER_S

    # -- Records that await a copy ------------------------------------------------------------------------------------

    async def _wait_or_park(self, batch: BatchPass) -> None:
        """Parks what has waited its time or rests on a broken copy, with what is behind it; the rest comes again.

        Raises CopyBehindError.
        """
        overdue = {item.key for item in batch.awaiting if self._has_waited(item)}
        async with transaction(self.pool) as connection:
            overdue |= await keys_on_broken_copies(connection, batch.awaiting)
        unfinished = {*batch.awaiting, *batch.behind_deferred}
        parked = [
            item
            for item in batch.items
            if item in unfinished and item.key in overdue and isinstance(item.decoded, Message)
        ]
        if parked:
            await self._park_awaiting(batch, parked)
        if any(item.key not in overdue for item in batch.awaiting):
            raise CopyBehindError

    async def _park_awaiting(self, batch: BatchPass, items: list[BatchItem]) -> None:
        next_offsets = batch.next_offsets(items, items)
        async with transaction(self.pool) as connection:
            ids = self.subscription.erasable_records(item.record.key for item in items)
            start = await offsets.begin_batch(connection, self.name, batch.positions, next_offsets, ids, frozenset())
            remaining = [item for item in items if item.record.key not in start.erased]
            await self.effects.park(connection, parked_for_copy(remaining))
        batch.commit(BatchPlan(finished=items), batch.deferred, next_offsets)
