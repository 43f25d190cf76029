"""Handles parked messages again: on an operator's request, and when the awaited copy or key has arrived."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from shared.contracts.audit import AccessRecorded, OperatorActed
from shared.contracts.base import Actor
from shared.contracts.declarations import Service
from shared.crypto.keyring import KeyUnknownError
from shared.db.pool import Connection, Pool, is_transient, transaction
from shared.errors import ConflictError, NotFoundError, PermanentError
from shared.messaging import copies, offsets, parked_messages
from shared.messaging.consumer import Consumer, CopyBehindError
from shared.messaging.envelope import InvalidRecord, Record, Skipped, record_ids
from shared.messaging.inbox import DAYS_KEPT
from shared.messaging.outbox import announce, append
from shared.messaging.outbox.operator_entries import entry_of_act, entry_of_failed_redrive
from shared.messaging.subscription import Subscription
from shared.runtime import clock
from shared.runtime.logs import log
from shared.runtime.metrics import DROPPED

TOO_OLD = "letter-too-old"
"""The dead letter is older than the event ids in the inbox, so that handling it could repeat its effect."""
GROUP_UNKNOWN = "group-unknown"
"""No consumer of this release belongs to the group of the parked message."""
PARKED_KEYS_PAGE = 1000
"""The maximum number of rows that `parked_messages.SELECT_PARKED_KEYS` returns."""
EXPIRED_PAGE = 1000
"""The maximum number of rows that `parked_messages.EXPIRE` changes."""


class DeadLetterRefusedError(PermanentError):
    """The dead letter still cannot be decoded; the message of this error is the code of what is wrong with it."""

    code = "letter-refused"


class DeadLetterUnknownError(NotFoundError):
    """There is no such dead letter; it may have been redriven already."""

    code = "letter-unknown"


class DeadLetterIsNewestStateError(ConflictError):
    """This dead letter is the newest state of its key: the copy stays broken until this or a newer state is applied."""

    code = "letter-is-newest-state"


def _ignore_progress() -> None:
    """The default for callers that do not watch the progress."""


class RedriveOutcome(NamedTuple):
    """The number of messages handled, and the error code of the first that failed; None when none failed."""

    handled: int
    hindrance: str | None


class Redriver:
    """Redrives the parked messages of one service's groups, in offset order for each (group, topic, key).

    In groups that park nothing behind a dead letter (state topics, the ledger) each message is redriven alone.
    """

    def __init__(self, pool: Pool, consumers: Mapping[str, Consumer], prefix: str = "") -> None:
        self._pool = pool
        self.consumers = consumers
        self._prefix = prefix

    async def redrive_dead_letter(self, dead_letter_id: UUID, operator: Actor) -> RedriveOutcome:
        """Handles the dead letter and, if that succeeds, the messages behind it.

        The transaction of each message also enters it in the ledger, as redriven by the operator. A dead letter that is
        too old is not handled, but no longer blocks its key: the messages behind it are handled. Raises
        DeadLetterUnknownError.
        """
        row = await self._pool.fetchrow(parked_messages.SELECT_ONE, dead_letter_id)
        if row is None:
            raise DeadLetterUnknownError
        consumer = self.consumers.get(row["group_name"])
        if consumer is None:
            return RedriveOutcome(0, GROUP_UNKNOWN)
        is_alone = row["key"] is None or not consumer.subscription.parks_behind_dead_letters
        if _is_too_old(row):
            await self.expire()
            if is_alone:
                return RedriveOutcome(0, TOO_OLD)
            outcome = await self.redrive_key(consumer.name, row["topic"], row["key"], operator=operator)
            return RedriveOutcome(outcome.handled, TOO_OLD)
        if is_alone:
            hindrance = await self._redrive_one(consumer, row, operator)
            return RedriveOutcome(int(hindrance is None), hindrance)
        return await self.redrive_key(consumer.name, row["topic"], row["key"], operator=operator)

    async def redrive_key(
        self,
        group: str,
        topic: str,
        key: bytes | None,
        on_progress: Callable[[], None] = _ignore_progress,
        operator: Actor | None = None,
    ) -> RedriveOutcome:
        """Handles the parked messages of one key of a group, in order, up to the first that fails.

        `operator`: who asked for it, for the ledger; None when a newer copy or the sweep did.
        """
        consumer, handled = self.consumers[group], 0
        while rows := await self._pool.fetch(parked_messages.SELECT_KEY, group, topic, key):
            for row in rows:
                on_progress()
                hindrance = await self._redrive_one(consumer, row, operator)
                if hindrance is not None:
                    return RedriveOutcome(handled, hindrance)
                handled += 1
        return RedriveOutcome(handled, None)

    async def redrive_parked(
        self, keys: set[bytes] | None = None, on_progress: Callable[[], None] = _ignore_progress
    ) -> None:
        """Handles parked messages that no dead letter blocks, of the given keys or (None, for the sweep) of all
        keys."""
        key_filter = None if keys is None else list(keys)
        ordered_groups = [
            name for name, consumer in self.consumers.items() if consumer.subscription.parks_behind_dead_letters
        ]
        after = ("", "", b"")
        while True:
            rows = await self._pool.fetch(
                parked_messages.SELECT_PARKED_KEYS, key_filter, list(self.consumers), ordered_groups, *after
            )
            for row in rows:
                await self._redrive_parked_key(row, on_progress)
            if len(rows) < PARKED_KEYS_PAGE:
                return
            after = tuple(rows[-1])

    async def _redrive_parked_key(self, parked_key: asyncpg.Record, on_progress: Callable[[], None]) -> None:
        group, topic, key = parked_key["group_name"], parked_key["topic"], parked_key["key"]
        consumer = self.consumers[group]
        if consumer.subscription.parks_behind_dead_letters:
            await self.redrive_key(group, topic, key, on_progress)
            return
        for row in await self._pool.fetch(parked_messages.SELECT_KEY, group, topic, key):
            if row["reason"] != "dead":
                on_progress()
                await self._redrive_one(consumer, row)

    async def _redrive_one(
        self, consumer: Consumer, parked: asyncpg.Record, operator: Actor | None = None
    ) -> str | None:
        """Handles a parked message, deletes it and enters the operator's act, in one transaction.

        Returns None if that succeeds, else an error code; a message that can never be handled becomes a dead letter
        with it.
        """
        record = parked_messages.as_record(parked, self._prefix)
        try:
            async with transaction(self._pool) as connection:
                if await connection.fetchrow(parked_messages.LOCK_ONE, parked["id"]) is None:
                    return "taken-by-another"
                applied = await _redrive(connection, consumer, record)
                await connection.execute(parked_messages.DELETE_ONE, parked["id"])
                if operator is not None:
                    service = _service_of(consumer.name)
                    entry = entry_of_act(service, operator, "redrive-dead-letter", str(parked["id"]))
                    await append(connection, [entry])
        except Exception as error:  # the message stays parked
            log("batch.failed", group=consumer.name, count=1, error=error)
            return await self._record_failure(consumer, parked["id"], record, error, operator)
        origin = {"topic": parked["topic"], "partition": parked["partition"], "offset": parked["offset"]}
        log("message.redriven", group=consumer.name, **origin)
        if applied and consumer.on_states_applied is not None:
            await consumer.on_states_applied(applied, _ignore_progress)
        return None

    async def _record_failure(
        self, consumer: Consumer, parked_id: UUID, record: Record, error: Exception, operator: Actor | None
    ) -> str:
        """Makes the message a dead letter unless the error is transient. Returns the error code."""
        if is_transient(error):
            return error.code if isinstance(error, CopyBehindError | KeyUnknownError) else "unavailable"
        code = "handler-failed"
        if isinstance(error, PermanentError):
            code = str(error) if isinstance(error, DeadLetterRefusedError) else error.code
        async with transaction(self._pool) as connection:
            await parked_messages.mark_dead(connection, consumer.name, parked_id, code)
            if consumer.subscription.is_state and record.key:
                topic = record.topic.removeprefix(self._prefix)
                await copies.mark_broken(connection, topic, record.key, record.offset, code)
            if operator is not None:
                entry = entry_of_failed_redrive(_service_of(consumer.name), operator, str(parked_id), code)
                await append(connection, [entry])
        return code

    async def expire(self) -> None:
        """Expires dead letters that are too old to be handled again, so that they no longer block their keys."""
        before = clock.now() - timedelta(days=DAYS_KEPT)
        count = EXPIRED_PAGE
        while count == EXPIRED_PAGE:
            async with transaction(self._pool) as connection:
                count = await parked_messages.expire(connection, before)
            if count:
                log("message.expired", count=count)

    async def discard(self, dead_letter_id: UUID, actor: Actor, reason: str) -> RedriveOutcome:
        """Deletes a dead letter that cannot be used, and handles the messages behind it.

        `reason` is a code. The ledger gets an entry, which the holder sees where the dead letter is about a record. The
        outcome counts the messages behind it. Raises DeadLetterUnknownError, DeadLetterIsNewestStateError.
        """
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(parked_messages.LOCK_ONE, dead_letter_id)
            if row is None:
                raise DeadLetterUnknownError
            group, topic, key = row["group_name"], row["topic"], row["key"]
            consumer = self.consumers.get(group)
            is_state = consumer is not None and consumer.subscription.is_state
            if is_state and key and await copies.is_newest(connection, topic, key, row["offset"]):
                raise DeadLetterIsNewestStateError
            await connection.execute(parked_messages.DELETE_ONE, dead_letter_id)
            if not is_state and key:
                await copies.mend_after_discard(connection, group, topic, key)
            await append(connection, [announce(_entry_of_discard(row, actor, reason), _service_of(group))])
        log(
            "message.discarded", group=group, topic=topic, partition=row["partition"], offset=row["offset"], code=reason
        )
        if consumer is None or key is None or not consumer.subscription.parks_behind_dead_letters:
            return RedriveOutcome(0, None)
        return await self.redrive_key(group, topic, key)


def _entry_of_discard(row: asyncpg.Record, actor: Actor, reason: str) -> AccessRecorded | OperatorActed:
    for record_id in record_ids([row["key"]]).values():
        return AccessRecorded(
            record_id=record_id, actor=actor, action="discard-dead-letter", outcome="permitted", reason=reason
        )
    return OperatorActed(actor=actor, action="discard-dead-letter", subject_id=str(row["id"]), reason=reason)


def _service_of(group: str) -> Service:
    service, _, _ = group.partition(".")
    return service  # type: ignore[return-value] # the first part of a group's name


def _is_too_old(row: asyncpg.Record) -> bool:
    if row["reason"] == "dead":
        return bool(row["parked_at"] < clock.now() - timedelta(days=DAYS_KEPT))
    return bool(row["reason"] == "expired")


async def _redrive(connection: Connection, consumer: Consumer, record: Record) -> set[bytes]:
    """Handles one parked record. Returns the keys of newer copies. Raises the error that prevents it."""
    subscription = consumer.subscription
    ids = subscription.erasable_records([record.key])
    if (await offsets.begin_batch(connection, consumer.name, {}, {}, ids, frozenset())).erased:
        DROPPED.labels(consumer.name).inc()
        return set()
    match consumer.decode(record):
        case InvalidRecord() as invalid_record:
            raise DeadLetterRefusedError(invalid_record.code)
        case Skipped():
            return set()
        case message:
            if subscription.awaiting_version is not None and await subscription.awaiting_version(connection, [message]):
                raise CopyBehindError
            return await consumer.effects.handle(connection, [message])


def redriver_of(pool: Pool, subscriptions: Iterable[Subscription], prefix: str) -> Redriver:
    """Returns a redriver with a consumer for each subscription, which redrives what newer copies release."""
    consumers: dict[str, Consumer] = {}
    redriver = Redriver(pool, consumers, prefix)
    for each in subscriptions:
        consumers[each.group.name] = Consumer(pool, each, prefix=prefix, on_states_applied=redriver.redrive_parked)
    return redriver
