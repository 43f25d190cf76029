"""Woken when a change is in force: one connection of the API listens, whoever waits for a record is called."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

import asyncpg

from services.consent.store.states import IN_FORCE_CHANNEL
from shared.db.pool import KEEPALIVES
from shared.http.admission import idle
from shared.runtime.tasks import end_tasks

T = TypeVar("T")
LONGEST_NAP_S = 0.5
"""Looked at again after this long even if nobody called: the listening connection may be away."""
RECONNECT_S = 1.0


class InForce:
    """Who waits for which record."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listens in the background for as long as this lasts."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            await end_tasks([task])

    async def wait_for(
        self, record_id: UUID, look: Callable[[], Awaitable[T]], done: Callable[[T], bool], seconds: float
    ) -> T:
        """Looks until `done` or until the time is over; returns the last look."""
        deadline = asyncio.get_running_loop().time() + seconds
        event = asyncio.Event()
        waiting = self._waiting.setdefault(str(record_id), set())
        waiting.add(event)
        try:
            found = await look()
            while not done(found) and (left := deadline - asyncio.get_running_loop().time()) > 0:
                with contextlib.suppress(TimeoutError), idle():
                    await asyncio.wait_for(event.wait(), min(left, LONGEST_NAP_S))
                event.clear()
                found = await look()
            return found
        finally:
            waiting.discard(event)
            if not waiting:
                self._waiting.pop(str(record_id), None)

    def _call(self, record_id: str) -> None:
        for event in self._waiting.get(record_id, ()):
            event.set()

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await self._listen_once()
            await asyncio.sleep(RECONNECT_S)

    async def _listen_once(self) -> None:
        settings = {"application_name": "consent-in-force", **KEEPALIVES}
        connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=5, server_settings=settings)
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            await connection.add_listener(IN_FORCE_CHANNEL, lambda _, __, ___, record_id: self._call(str(record_id)))
            await gone.wait()
        finally:
            connection.terminate()
