"""Processes the batches of one consumer group: the one place that decides what happens to a record that fails.

| Why the record fails                             | What happens to it                                              |
|--------------------------------------------------|-----------------------------------------------------------------|
| it is invalid, or a rule refuses it (permanent)  | dead letter at once                                             |
| database or broker is unavailable (transient)    | the batch is read again after a wait                            |
| it rests on a version of a copy not applied here | read again; parked after 60 s, or at once if the copy is broken |
| it is sealed under a key not known here          | read again; parked after 60 s                                   |
| its handler times out                            | read again; after three attempts a dead letter                  |
| its handler has a bug (any other error)          | read again; after three attempts a dead letter                  |

A batch is handled in one transaction, which also stores the next offset of each partition. A batch that fails is halved
until the failing record is alone; the effect is that of its records one at a time, in the order of offsets for each key
(`batch_plan`). Where too many records fail, the circuit breaker stops the consumer: it reads again, and makes no more
dead letters.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from shared.contracts.base import Event, HeartbeatSent, StateWithheld
from shared.crypto.keyring import KeyUnknownError
from shared.db.pool import Pool, is_transient, transaction
from shared.errors import PermanentError, TransientError
from shared.messaging.batch_effects import BatchEffects
from shared.messaging.batch_outcomes import COPY_BEHIND, attempt_outcomes, keys_on_broken_copies, predict_failure
from shared.messaging.batch_pass import BatchPass, ReadProgress, move_over_finished
from shared.messaging.batch_plan import BatchItem, RecordPosition
from shared.messaging.batch_transactions import BatchTransactions
from shared.messaging.circuit_breaker import CircuitBreaker
from shared.messaging.envelope import InvalidRecord, Message, Record, Skipped, decode
from shared.messaging.message_spans import record_spans
from shared.messaging.subscription import Subscription
from shared.runtime import spans
from shared.runtime.logs import log
from shared.runtime.metrics import CONSUMED, STOPPED

MAX_ATTEMPTS = 3
"""Attempts of a record whose handler times out or has a bug."""
PARK_AFTER_S = 60.0
"""Seconds that a record may await a copy or a key before it is parked."""
TIMEOUTS = (
    asyncpg.QueryCanceledError,
    asyncpg.TransactionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
"""The server ended a statement or a transaction that took too long: a smaller batch may succeed."""

OnStatesApplied = Callable[[set[bytes], Callable[[], None]], Awaitable[None]]
"""Called with the keys whose copies a state group has raised, and with a function to call while that takes time."""


class RetryError(TransientError):
    """The batch must be read again."""

    code = "batch-retried"


class CopyBehindError(TransientError):
    """A message rests on a version of a copy that has not been applied here yet."""

    code = COPY_BEHIND


class Consumer:
    """Processes the batches of one subscription.

    `on_progress` is called before each attempt; `on_states_applied` after an attempt that raised copies.
    """

    def __init__(
        self,
        pool: Pool,
        subscription: Subscription,
        *,
        prefix: str = "",
        on_states_applied: OnStatesApplied | None = None,
    ) -> None:
        self.pool = pool
        self.subscription = subscription
        self.name = subscription.group.name
        self.prefix = prefix
        self.circuit_breaker = CircuitBreaker()
        self.on_progress: Callable[[], None] = lambda: None
        self.on_states_applied = on_states_applied
        self.effects = BatchEffects(subscription)
        self._transactions = BatchTransactions(pool, subscription, self.effects)
        of_every_group: set[type[Event]] = {HeartbeatSent, StateWithheld}
        self._types = frozenset(event.ce_type for event in (*subscription.events, *of_every_group))
        self._attempts: dict[RecordPosition, int] = {}
        self._waiting_since: dict[RecordPosition, float] = {}

    async def consume(self, records: Sequence[Record], progress: ReadProgress | None = None) -> None:
        """Processes the records until each is finished. Raises a transient error when some must be read again.

        `progress`: the stored offsets from which this batch was read; they move as transactions commit. None leaves
        offsets unchanged.
        """
        items = [BatchItem(record, record.topic.removeprefix(self.prefix), self.decode(record)) for record in records]
        is_trial = self.circuit_breaker.is_open
        batch = BatchPass(self._admitted(items), progress, is_trial=is_trial)
        unfinished = [item for item in batch.items if item not in batch.finished]
        started = time.perf_counter()
        try:
            await self._process(batch, unfinished)
            if batch.awaiting:
                await self._park_or_await_copies(batch)
            await move_over_finished(self.pool, self.name, batch)
        finally:
            finished = [item for item in unfinished if item in batch.finished]
            self._forget([item.position for item in finished])
            if spans.is_enabled():
                record_spans(self.name, finished, time.perf_counter() - started)
        if len(batch.finished) < len(items):
            raise RetryError

    def decode(self, record: Record) -> Message[Event] | InvalidRecord | Skipped:
        """Decodes a record as this group reads it."""
        decoded = decode(record, self.prefix, self._types)
        if self.subscription.enters_unknown_types and decoded == Skipped("type-unknown"):
            return InvalidRecord(record, record.topic.removeprefix(self.prefix), "type-unknown")
        return decoded

    # -- A batch: whole, or in halves ---------------------------------------------------------------------------------

    async def _process(self, batch: BatchPass, items: list[BatchItem]) -> None:
        """Attempts the items together; when that fails, in halves until the failing record is alone.

        Raises a transient error that does not concern single records.
        """
        for part in self._attempted_together(items):
            if self.circuit_breaker.is_open and not batch.is_trial:
                raise RetryError
            self.on_progress()
            try:
                newer_keys = await self._attempt(batch, part)
            except Exception as error:  # the table of this module lists every case
                if _concerns_whole_batch(error):
                    raise
                await self._process_failed(batch, part, error)
            else:
                # Not part of the attempt: an error here is no failure of records that are finished.
                if newer_keys and self.on_states_applied is not None:
                    await self.on_states_applied(newer_keys, self.on_progress)

    async def _attempt(self, batch: BatchPass, items: list[BatchItem]) -> set[bytes]:
        """Handles the items in one transaction. Returns the keys whose copy was raised to a newer version."""
        applied = await self._transactions.apply(batch, items)
        self._record_outcomes(attempt_outcomes(self.subscription, applied.plan))
        return applied.newer_keys

    async def _process_failed(self, batch: BatchPass, items: list[BatchItem], error: Exception) -> None:
        """Halves items that failed together; decides about a record that failed alone."""
        if len(items) == 1:
            await self._decide(batch, items[0], error)
            return
        log("batch.failed", group=self.name, count=len(items), error=error)
        middle = len(items) // 2
        await self._process(batch, items[:middle])
        await self._process(batch, items[middle:])

    def _attempted_together(self, items: list[BatchItem]) -> list[list[BatchItem]]:
        """Divides the items into parts: an item that failed alone before is attempted alone again."""
        parts: list[list[BatchItem]] = []
        was_alone = True
        for item in items:
            is_alone = item.position in self._attempts
            if is_alone or was_alone:
                parts.append([])
            parts[-1].append(item)
            was_alone = is_alone
        return parts

    # -- A record that failed alone: one row of the table each --------------------------------------------------------

    async def _decide(self, batch: BatchPass, item: BatchItem, error: Exception) -> None:
        if isinstance(error, PermanentError):
            await self._make_dead_letter(batch, item, error.code)
        elif isinstance(error, KeyUnknownError):
            await self._park_or_await_key(batch, item)
        elif isinstance(error, TIMEOUTS):
            await self._retry_or_make_dead_letter(batch, item, error, "handler-timed-out")
        else:
            await self._retry_or_make_dead_letter(batch, item, error, "handler-failed")

    async def _make_dead_letter(self, batch: BatchPass, item: BatchItem, code: str) -> None:
        await self._transactions.make_dead_letter(batch, item, code)
        self._record_outcomes([not self.subscription.tolerates_dead_letters or code.startswith("handler-")])

    async def _park_or_await_key(self, batch: BatchPass, item: BatchItem) -> None:
        """Parks a message that has awaited its key for 60 s, so that it blocks no partition; otherwise defers it."""
        if self._has_waited(item):
            await self._transactions.park_for_key(batch, item)
        else:
            batch.deferred.defer(item)

    async def _retry_or_make_dead_letter(self, batch: BatchPass, item: BatchItem, error: Exception, code: str) -> None:
        """Defers a record up to the third attempt. Raises RetryError when one more failure stops the consumer."""
        attempt = self._attempts[item.position] = self._attempts.get(item.position, 0) + 1
        log("batch.failed", group=self.name, attempt=attempt, count=1, error=error)
        if attempt < MAX_ATTEMPTS:
            batch.deferred.defer(item)
        elif self.circuit_breaker.opens_at_next_failure():
            self._record_outcomes([True])
            raise RetryError from error
        else:
            await self._make_dead_letter(batch, item, code)

    # -- Records that await a copy ------------------------------------------------------------------------------------

    async def _park_or_await_copies(self, batch: BatchPass) -> None:
        """Parks messages that awaited a copy for 60 s or rest on a broken one, and the messages behind them.

        Raises CopyBehindError when other messages still await a copy.
        """
        overdue = {item.key for item in batch.awaiting if self._has_waited(item)}
        async with transaction(self.pool) as connection:
            overdue |= await keys_on_broken_copies(connection, batch.awaiting)
        unfinished = {*batch.awaiting, *batch.behind_deferred}
        to_park = [
            item
            for item in batch.items
            if item in unfinished and item.key in overdue and isinstance(item.decoded, Message)
        ]
        if to_park:
            await self._transactions.park_for_copy(batch, to_park)
        if any(item.key not in overdue for item in batch.awaiting):
            raise CopyBehindError

    # -- State kept from one read of a record to the next ------------------------------------------------------------

    def _has_waited(self, item: BatchItem) -> bool:
        """Whether the record has waited for 60 s since the first call for it."""
        now = asyncio.get_running_loop().time()
        return now - self._waiting_since.setdefault(item.position, now) >= PARK_AFTER_S

    def _forget(self, finished: Sequence[RecordPosition]) -> None:
        """Forgets finished records only: waits and attempts of unfinished records go on counting."""
        CONSUMED.labels(self.name).inc(len(finished))
        for position in finished:
            self._waiting_since.pop(position, None)
            self._attempts.pop(position, None)

    # -- The circuit breaker ------------------------------------------------------------------------------------------

    def _admitted(self, items: list[BatchItem]) -> list[BatchItem]:
        """Returns the records that may be attempted now. Raises RetryError when the breaker admits none."""
        predictions = [predict_failure(self.subscription, item) for item in items]
        count = self.circuit_breaker.admitted_count(predictions, asyncio.get_running_loop().time())
        if count == 0:
            raise RetryError
        return items[:count]

    def _record_outcomes(self, outcomes: Sequence[bool]) -> None:
        """Records which attempts failed; logs when the consumer stops or resumes."""
        change = self.circuit_breaker.record_outcomes(outcomes, asyncio.get_running_loop().time())
        if change is not None:
            STOPPED.labels(self.name).set(change == "opened")
            log("consumer.stopped" if change == "opened" else "consumer.resumed", group=self.name)


def _concerns_whole_batch(error: Exception) -> bool:
    """Whether an error is transient and would affect any record, unlike a time-out or an unknown key."""
    return is_transient(error) and not isinstance(error, (*TIMEOUTS, KeyUnknownError))
