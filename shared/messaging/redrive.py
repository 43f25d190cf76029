"""Trying parked messages again: by an operator's word, or by itself when the copy or key that was awaited has come."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from uuid import UUID

import asyncpg

from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.declarations import Service
from shared.crypto.keyring import KeyUnknownError
from shared.db.pool import Connection, Pool, is_transient, transaction
from shared.erasure import erased_records
from shared.errors import ConflictError, NotFoundError, PermanentError
from shared.messaging import copies, offsets, parked_messages
from shared.messaging.consumer import Consumer, CopyBehindError
from shared.messaging.envelope import InvalidRecord, Record, Skipped
from shared.messaging.inbox import DAYS_KEPT
from shared.messaging.outbox import announce, append
from shared.runtime import clock
from shared.runtime.logs import log
from shared.runtime.metrics import DROPPED

TOO_OLD = "letter-too-old"
"""This letter is older than the memory of handled messages: trying it again could do its effect twice."""
GROUP_UNKNOWN = "group-unknown"
"""No consumer of this release takes up what is parked under this group."""
WAITING_KEYS_PAGE = 1000
"""As many as `parked_messages.SELECT_WAITING_KEYS` returns at most."""
EXPIRED_PAGE = 1000
"""As many as `parked_messages.EXPIRE` changes at most."""


class DeadLetterRefusedError(PermanentError):
    """A letter that was tried again still cannot be read; the message of this error is the code."""

    code = "letter-refused"


class DeadLetterUnknownError(NotFoundError):
    """There is no such letter; it may have been redriven already."""

    code = "letter-unknown"


class DeadLetterIsNewestStateError(ConflictError):
    """This letter is the newest state of its key: the copy stays broken until it, or a newer one, can be applied."""

    code = "letter-is-newest-state"


def _nothing() -> None:
    """Nobody asks whether this goes on."""


class Redriver:
    """Redrives the parked messages of one service's groups, per (group, topic, key) and in offset order.

    Where nothing is parked behind a dead letter (state topics, the ledger) each is tried alone.
    """

    def __init__(self, pool: Pool, consumers: Mapping[str, Consumer], prefix: str = "") -> None:
        self._pool = pool
        self._consumers = consumers
        self._prefix = prefix

    async def redrive_dead_letter(self, dead_letter_id: UUID) -> tuple[int, str | None]:
        """Tries the letter and, when it is through, those behind it. Returns how many were handled, and what hinders.

        A letter that is too old blocks its key no longer, and the messages behind it are tried. Raises
        LetterUnknownError.
        """
        row = await self._pool.fetchrow(parked_messages.SELECT_ONE, dead_letter_id)
        if row is None:
            raise DeadLetterUnknownError
        consumer = self._consumers.get(row["group_name"])
        if consumer is None:
            return 0, GROUP_UNKNOWN
        is_alone = row["key"] is None or not consumer.parks_behind_dead_letters
        if _is_too_old(row):
            await self.expire()
            done = 0 if is_alone else (await self.redrive_key(consumer.name, row["topic"], row["key"]))[0]
            return done, TOO_OLD
        if is_alone:
            hindrance = await self._redrive_one(consumer, row)
            return int(hindrance is None), hindrance
        return await self.redrive_key(consumer.name, row["topic"], row["key"])

    async def redrive_key(
        self, group: str, topic: str, key: bytes | None, on_progress: Callable[[], None] = _nothing
    ) -> tuple[int, str | None]:
        """Everything of one key of one group on one topic, in order, until one does not go through."""
        consumer, done = self._consumers[group], 0
        while rows := await self._pool.fetch(parked_messages.SELECT_KEY, group, topic, key):
            for row in rows:
                on_progress()
                hindrance = await self._redrive_one(consumer, row)
                if hindrance is not None:
                    return done, hindrance
                done += 1
        return done, None

    async def redrive_waiting(self, keys: set[bytes] | None = None, on_progress: Callable[[], None] = _nothing) -> None:
        """Whatever no dead letter holds: called with the keys whose copies moved, and by the sweep with all."""
        wanted = None if keys is None else list(keys)
        ordered = [name for name, consumer in self._consumers.items() if consumer.parks_behind_dead_letters]
        after = ("", "", b"")
        while True:
            rows = await self._pool.fetch(
                parked_messages.SELECT_WAITING_KEYS, wanted, list(self._consumers), ordered, *after
            )
            for row in rows:
                await self._redrive_waiting_key(row, on_progress)
            if len(rows) < WAITING_KEYS_PAGE:
                return
            after = tuple(rows[-1])

    async def _redrive_waiting_key(self, place: asyncpg.Record, on_progress: Callable[[], None]) -> None:
        group, topic, key = place["group_name"], place["topic"], place["key"]
        consumer = self._consumers[group]
        if consumer.parks_behind_dead_letters:
            await self.redrive_key(group, topic, key, on_progress)
            return
        for row in await self._pool.fetch(parked_messages.SELECT_KEY, group, topic, key):
            if row["reason"] != "dead":
                on_progress()
                await self._redrive_one(consumer, row)

    async def _redrive_one(self, consumer: Consumer, parked: asyncpg.Record) -> str | None:
        """Tries a parked message again and removes it, in one transaction. Returns None when it is gone.

        Otherwise the code of what hinders: what can never be used is a dead letter with that code from now on.
        """
        record = parked_messages.as_record(parked, self._prefix)
        try:
            async with transaction(self._pool) as connection:
                if await connection.fetchrow(parked_messages.TAKE, parked["id"]) is None:
                    return "taken-by-another"
                applied = await _redrive(connection, consumer, record)
                await connection.execute(parked_messages.DELETE_ONE, parked["id"])
        except Exception as error:  # the letter stays where it is
            log("batch.failed", group=consumer.name, count=1, error=error)
            return await self._hindrance(consumer, parked["id"], record, error)
        place = {"topic": parked["topic"], "partition": parked["partition"], "offset": parked["offset"]}
        log("message.redriven", group=consumer.name, **place)
        if applied and consumer.after_states is not None:
            await consumer.after_states(applied, _nothing)
        return None

    async def _hindrance(self, consumer: Consumer, dead_letter_id: UUID, record: Record, error: Exception) -> str:
        if is_transient(error):
            return error.code if isinstance(error, CopyBehindError | KeyUnknownError) else "unavailable"
        code = "handler-failed"
        if isinstance(error, PermanentError):
            code = str(error) if isinstance(error, DeadLetterRefusedError) else error.code
        async with transaction(self._pool) as connection:
            await parked_messages.become_dead(connection, consumer.name, dead_letter_id, code)
            if consumer.subscription.is_state and record.key:
                topic = record.topic.removeprefix(self._prefix)
                await copies.mark_broken(connection, topic, record.key, record.offset, code)
        return code

    async def expire(self) -> None:
        """Lets letters that are too old to be tried again block their keys no longer."""
        before = clock.now() - timedelta(days=DAYS_KEPT)
        count = EXPIRED_PAGE
        while count == EXPIRED_PAGE:
            async with transaction(self._pool) as connection:
                count = await parked_messages.expire(connection, before)
            if count:
                log("message.expired", count=count)

    async def discard(self, dead_letter_id: UUID, actor: Actor, reason: str) -> tuple[int, str | None]:
        """Removes a letter that nobody can use, and tries those behind it.

        `reason` is a code. The ledger is told where the letter is about a record. Returns how many of those behind it
        were handled, and what hinders. Raises LetterUnknownError, LetterIsNewestStateError.
        """
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(parked_messages.TAKE, dead_letter_id)
            if row is None:
                raise DeadLetterUnknownError
            group, topic, key = row["group_name"], row["topic"], row["key"]
            consumer = self._consumers.get(group)
            is_state = consumer is not None and consumer.subscription.is_state
            if is_state and key and await copies.is_newest(connection, topic, key, row["offset"]):
                raise DeadLetterIsNewestStateError
            await connection.execute(parked_messages.DELETE_ONE, dead_letter_id)
            if not is_state and key:
                await copies.mend_discarded(connection, group, topic, key)
            told = [
                AccessRecorded(
                    record_id=record_id, actor=actor, action="discard-dead-letter", outcome="permitted", reason=reason
                )
                for record_id in erased_records.record_ids([key]).values()
            ]
            await append(connection, [announce(one, _service_of(group)) for one in told])
        log(
            "message.discarded", group=group, topic=topic, partition=row["partition"], offset=row["offset"], code=reason
        )
        if consumer is None or key is None or not consumer.parks_behind_dead_letters:
            return 0, None
        return await self.redrive_key(group, topic, key)


def _service_of(group: str) -> Service:
    service, _, _ = group.partition(".")
    return service  # type: ignore[return-value] # the first part of a group's name


def _is_too_old(row: asyncpg.Record) -> bool:
    if row["reason"] == "dead":
        return bool(row["parked_at"] < clock.now() - timedelta(days=DAYS_KEPT))
    return bool(row["reason"] == "expired")


async def _redrive(connection: Connection, consumer: Consumer, record: Record) -> set[bytes]:
    """Handles a parked record, and it alone. Raises what hinders."""
    subscription = consumer.subscription
    ids = subscription.erasable_records([record.key])
    if (await offsets.begin_batch(connection, consumer.name, {}, {}, ids, frozenset())).erased:
        DROPPED.labels(consumer.name).inc()
        return set()
    match consumer.decode(record):
        case InvalidRecord() as letter:
            raise DeadLetterRefusedError(letter.code)
        case Skipped():
            return set()
        case message:
            if subscription.awaiting_version is not None and await subscription.awaiting_version(connection, [message]):
                raise CopyBehindError
            return await consumer.effects.handle(connection, [message])
