"""Trying parked messages again: by an operator's word, or by itself when the copy or key that was awaited has come."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import asyncpg

from shared import clock, copies, erasing, offsets, parking
from shared.consuming import Consumer, CopyBehindError
from shared.crypto import KeyUnknownError
from shared.db.pool import Connection, Pool, is_transient, transaction
from shared.decoding import Letter, Record, Skipped
from shared.errors import ConflictError, NotFoundError, PermanentError
from shared.inbox import DAYS_KEPT
from shared.logs import log
from shared.metrics import DROPPED

TOO_OLD = "letter-too-old"
"""This letter is older than the memory of handled messages: trying it again could do its effect twice."""


class LetterRefusedError(PermanentError):
    """A letter that was tried again still cannot be read; the message of this error is the code."""

    code = "letter-refused"


class LetterUnknownError(NotFoundError):
    """There is no such letter; it may have been redriven already."""

    code = "letter-unknown"


class LetterIsNewestStateError(ConflictError):
    """This letter is the newest state of its key: the copy stays broken until it, or a newer one, can be applied."""

    code = "letter-is-newest-state"


class Redriver:
    """Redrives the parked messages of one service's groups, per (group, topic, key) and in offset order."""

    def __init__(self, pool: Pool, consumers: Mapping[str, Consumer], prefix: str = "") -> None:
        self._pool = pool
        self._consumers = consumers
        self._prefix = prefix

    async def redrive_letter(self, letter_id: UUID) -> tuple[int, str | None]:
        """Tries the letter and, when it is through, those behind it. Returns how many were handled, and what hinders.

        A state is tried alone: a newer one needs no older one. A letter that is too old blocks its key no longer, and
        the messages behind it are tried. Raises LetterUnknownError.
        """
        row = await self._pool.fetchrow(parking.SELECT_ONE, letter_id)
        if row is None:
            raise LetterUnknownError
        group = row["group_name"]
        if row["reason"] == "expired" or row["parked_at"] < clock.now() - timedelta(days=DAYS_KEPT):
            await self.expire()
            done, _ = await self.redrive_key(group, row["topic"], row["key"])
            return done, TOO_OLD
        if row["key"] is None or self._consumers[group].subscription.is_state:
            return await self._redrive_rows(group, [row])
        return await self.redrive_key(group, row["topic"], row["key"])

    async def redrive_key(self, group: str, topic: str, key: bytes | None) -> tuple[int, str | None]:
        """Everything of one key of one group on one topic, in order, until one does not go through."""
        done, hindrance = 0, None
        while hindrance is None and (rows := await self._pool.fetch(parking.SELECT_KEY, group, topic, key)):
            count, hindrance = await self._redrive_rows(group, rows)
            done += count
        return done, hindrance

    async def _redrive_rows(self, group: str, rows: list[asyncpg.Record]) -> tuple[int, str | None]:
        consumer = self._consumers[group]
        for done, row in enumerate(rows):
            hindrance = await self._redrive_one(consumer, row["id"])
            if hindrance is not None:
                return done, hindrance
            log("message.redriven", group=group, topic=row["topic"], partition=row["partition"], offset=row["offset"])
        return len(rows), None

    async def _redrive_one(self, consumer: Consumer, letter_id: UUID) -> str | None:
        """Tries a parked message again and removes it, in one transaction. Returns None when it is gone.

        Otherwise the code of what hinders: what can never be used is a dead letter with that code from now on.
        """
        try:
            async with transaction(self._pool) as connection:
                row = await connection.fetchrow(parking.TAKE, letter_id)
                if row is None:
                    return "taken-by-another"
                record = parking.as_record(row, self._prefix)
                applied = await _redrive(connection, consumer, record)
                await connection.execute(parking.DELETE_ONE, letter_id)
        except Exception as error:  # the letter stays where it is
            log("batch.failed", group=consumer.name, count=1, error=error)
            return await self._hindrance(consumer, letter_id, record, error)
        if applied and consumer.after_states is not None:
            await consumer.after_states(applied)
        return None

    async def _hindrance(self, consumer: Consumer, letter_id: UUID, record: Record, error: Exception) -> str:
        if is_transient(error):
            return error.code if isinstance(error, CopyBehindError | KeyUnknownError) else "unavailable"
        code = "handler-failed"
        if isinstance(error, PermanentError):
            code = str(error) if isinstance(error, LetterRefusedError) else error.code
        async with transaction(self._pool) as connection:
            await parking.become_dead(connection, consumer.name, letter_id, code)
            if consumer.subscription.is_state and record.key:
                topic = record.topic.removeprefix(self._prefix)
                await copies.mark_broken(connection, topic, record.key, record.offset, code)
        return code

    async def redrive_waiting(self, keys: set[bytes] | None = None) -> None:
        """Whatever no dead letter holds: called with the keys whose copies moved, and by the sweep with all."""
        wanted = None if keys is None else list(keys)
        for row in await self._pool.fetch(parking.SELECT_WAITING_KEYS, wanted):
            await self.redrive_key(row["group_name"], row["topic"], row["key"])

    async def expire(self) -> None:
        """Lets letters that are too old to be tried again block their keys no longer."""
        before = clock.now() - timedelta(days=DAYS_KEPT)
        async with transaction(self._pool) as connection:
            count = await parking.expire(connection, before)
        if count:
            log("message.expired", count=count)

    async def discard(self, letter_id: UUID) -> asyncpg.Record:
        """Removes a letter that nobody can use, so that those behind it go on. Returns what it was.

        Raises LetterUnknownError, LetterIsNewestStateError.
        """
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(parking.TAKE, letter_id)
            if row is None:
                raise LetterUnknownError
            key = row["key"]
            is_state = self._consumers[row["group_name"]].subscription.is_state
            if is_state and key and await copies.is_newest(connection, row["topic"], key, row["offset"]):
                raise LetterIsNewestStateError
            await connection.execute(parking.DELETE_ONE, letter_id)
            if not is_state and key:
                await copies.mend_discarded(connection, row["group_name"], row["topic"], key)
        return row


async def _redrive(connection: Connection, consumer: Consumer, record: Record) -> set[bytes]:
    """Handles a parked record, and it alone. Raises what hinders."""
    subscription = consumer.subscription
    ids = erasing.record_ids([record.key]) if subscription.heeds_erasures else {}
    if (await offsets.begin_batch(connection, consumer.name, {}, {}, ids, frozenset())).erased:
        DROPPED.labels(consumer.name).inc()
        return set()
    match consumer.decode(record):
        case Letter() as letter:
            raise LetterRefusedError(letter.code)
        case Skipped():
            return set()
        case message:
            if subscription.behind is not None and await subscription.behind(connection, [message]):
                raise CopyBehindError
            return await consumer.effects.handle(connection, [message])
