"""Trying again what was put aside: by an operator's word, or by itself when the copy it waited for has come."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import asyncpg

from shared import clock, parking
from shared.consuming import Consumer
from shared.db.pool import Pool
from shared.errors import ConflictError, NotFoundError
from shared.inbox import DAYS_KEPT
from shared.logs import log


class LetterUnknownError(NotFoundError):
    """There is no such letter; it may have been redriven already."""

    code = "letter-unknown"


class LetterTooOldError(ConflictError):
    """This letter is older than the memory of handled messages; redriving it could do its effect twice."""

    code = "letter-too-old"


class Redriver:
    """Redrives the put-aside messages of one service's groups, per key and in offset order."""

    def __init__(self, pool: Pool, consumers: Mapping[str, Consumer], prefix: str = "") -> None:
        self._pool = pool
        self._consumers = consumers
        self._prefix = prefix

    async def redrive_letter(self, letter_id: UUID) -> tuple[int, str | None]:
        """Tries the letter and, when it is through, those behind it. Returns how many were handled, and what hinders.

        Raises LetterUnknownError, LetterTooOldError.
        """
        row = await self._pool.fetchrow(parking.SELECT_ONE, letter_id)
        if row is None:
            raise LetterUnknownError
        if row["parked_at"] < clock.now() - timedelta(days=DAYS_KEPT):
            raise LetterTooOldError
        if row["key"] is None:
            return await self._redrive_rows(row["group_name"], [row])
        return await self.redrive_key(row["group_name"], row["key"])

    async def redrive_key(self, group: str, key: bytes) -> tuple[int, str | None]:
        """Everything of one key of one group, in order, until one does not go through."""
        done, hindrance = 0, None
        while hindrance is None and (rows := await self._pool.fetch(parking.SELECT_KEY, group, key)):
            count, hindrance = await self._redrive_rows(group, rows)
            done += count
        return done, hindrance

    async def _redrive_rows(self, group: str, rows: list[asyncpg.Record]) -> tuple[int, str | None]:
        consumer = self._consumers[group]
        for done, row in enumerate(rows):
            hindrance = await consumer.redrive(parking.as_record(row, self._prefix))
            if hindrance is not None:
                await self._pool.execute(parking.UPDATE_CODE, row["id"], hindrance)
                return done, hindrance
            await self._pool.execute(parking.DELETE_ONE, row["id"])
            log("message.redriven", group=group, topic=row["topic"], partition=row["partition"], offset=row["offset"])
        return len(rows), None

    async def redrive_waiting(self, keys: set[bytes] | None = None) -> None:
        """Whatever is not held by a dead letter: called with the keys whose copies moved, and by the sweep with all."""
        wanted = None if keys is None else list(keys)
        for row in await self._pool.fetch(parking.SELECT_WAITING_KEYS, wanted):
            await self.redrive_key(row["group_name"], row["key"])
