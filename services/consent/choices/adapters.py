"""Wakes requests that wait for a change to come into force. One connection of the API listens for all of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

from services.consent.choices.store.states import IN_FORCE_CHANNEL
from shared.db.connection import open_connection
from shared.db.pool import KEEPALIVES, TRANSIENT
from shared.http.admission import idle
from shared.runtime.settings import PostgresSettings
from shared.runtime.tasks import end_tasks

T = TypeVar("T")
RECHECK_INTERVAL_S = 0.5
"""The interval at which a waiting request reads again even without a notification: the listener may be disconnected."""
RECONNECT_S = 1.0


class InForceNotifier:
    """Wakes the requests that wait for a record, when PostgreSQL notifies that a version of it came into force."""

    def __init__(self, postgres: PostgresSettings) -> None:
        self._postgres = postgres
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listens for notifications in the background until the context ends."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            await end_tasks([task])

    async def wait_for(
        self, record_id: UUID, read: Callable[[], Awaitable[T]], is_done: Callable[[T], bool], timeout_s: float
    ) -> T:
        """Reads until `is_done` or until the time is over; returns the value that was read last."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        event = asyncio.Event()
        waiting = self._waiting.setdefault(str(record_id), set())
        waiting.add(event)
        try:
            value = await read()
            while not is_done(value) and (remaining_s := deadline - asyncio.get_running_loop().time()) > 0:
                with contextlib.suppress(TimeoutError), idle():
                    await asyncio.wait_for(event.wait(), min(remaining_s, RECHECK_INTERVAL_S))
                event.clear()
                value = await read()
            return value
        finally:
            waiting.discard(event)
            if not waiting:
                self._waiting.pop(str(record_id), None)

    def _wake(self, record_id: str) -> None:
        for event in self._waiting.get(record_id, ()):
            event.set()

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(*TRANSIENT):
                await self._listen_once()
            await asyncio.sleep(RECONNECT_S)

    async def _listen_once(self) -> None:
        settings = {"application_name": "consent-in-force", **KEEPALIVES}
        dsn = self._postgres.dsn.get_secret_value()
        connection = await open_connection(dsn, timeout=5, command_timeout=5, server_settings=settings)
        terminated = asyncio.Event()
        connection.add_termination_listener(lambda _: terminated.set())
        try:
            await connection.add_listener(IN_FORCE_CHANNEL, lambda _, __, ___, record_id: self._wake(str(record_id)))
            async with asyncio.timeout(self._postgres.max_connection_age_s):
                await terminated.wait()
        finally:
            connection.terminate()
