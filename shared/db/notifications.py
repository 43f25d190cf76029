"""Sends NOTIFY after the commit, in a separate transaction.

PostgreSQL holds one lock for the whole cluster from a NOTIFY's commit until its WAL is flushed, so a NOTIFY inside a
change's transaction makes all commits wait for each other. A transaction therefore only marks its connection
(`notify_after_commit`). When the connection returns to its pool, a background task sends the marked notifications, at
most once in 10 ms for a process. If this process handles a notification, it is delivered directly and the server is not
asked to notify others. A notification may get lost (a crash, a closed pool) or come in vain (a rollback), so listeners
also poll on a timer.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import asyncpg

from shared.db.errors import DATABASE_ERRORS
from shared.runtime.logs import log

if TYPE_CHECKING:
    from shared.db.pool import Connection, Pool

    _Base = asyncpg.Connection[asyncpg.Record]
else:  # asyncpg's classes are generic in its stubs only
    _Base = asyncpg.Connection

SEND = """
select set_config('synchronous_commit', 'off', true), pg_notify(channel, payload)
from unnest($1::text[], $2::text[]) as marked(channel, payload)"""
"""Commits without waiting for the disk: the lock is held for microseconds, and no listener outlives a server crash."""
SHORTEST_PAUSE_S = 0.01
LONGEST_SEND_S = 5.0

Notification = tuple[str, str]
"""Channel and payload."""
Attend = Callable[[str], bool]
"""Takes a payload and returns whether this process handles it. If not, the listeners of the channel are notified."""


class NotingConnection(_Base):
    """A pooled connection that collects the notifications to send after its release."""

    __slots__ = ("notifications",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.notifications: set[Notification] = set()


def notify_after_commit(connection: "Connection", channel: str, payloads: Iterable[str] = ("",)) -> None:
    """Marks the connection: its pool sends these payloads (each under 8000 bytes) on the channel after the release.

    A connection without a pool cannot be marked; its listeners notice the change when their timer fires.
    """
    marked: set[Notification] | None = getattr(connection, "notifications", None)
    if marked is not None:
        marked.update((channel, payload) for payload in payloads)


class Notifier:
    """Sends the notifications of one pool; equal notifications that are pending together are sent once."""

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self._waiting: set[Notification] = set()
        self._task: asyncio.Task[None] | None = None
        self._here: dict[str, Attend] = {}

    def attend(self, channel: str, attend: Attend) -> None:
        """Registers a handler in this process for a channel; it receives every payload before the server does."""
        self._here[channel] = attend

    async def on_release(self, connection: "Connection") -> None:
        """Collects the marks of a released connection (the pool's `reset` hook). Runs no statement on it."""
        marked: set[Notification] | None = getattr(connection, "notifications", None)
        if not marked:
            return
        self._waiting |= {(channel, payload) for channel, payload in marked if not self._attends(channel, payload)}
        marked.clear()
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._send_waiting())

    def _attends(self, channel: str, payload: str) -> bool:
        attend = self._here.get(channel)
        return attend is not None and attend(payload)

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = sorted(self._waiting), set()
            try:
                await self._send(batch)
            except DATABASE_ERRORS as error:
                log("notification.failed", error=error)
            await asyncio.sleep(SHORTEST_PAUSE_S)

    async def _send(self, batch: list[Notification]) -> None:
        if self.pool is None or self.pool.is_closing():
            return
        channels, payloads = [channel for channel, _ in batch], [payload for _, payload in batch]
        async with self.pool.acquire(timeout=LONGEST_SEND_S) as connection:
            await connection.execute(SEND, channels, payloads, timeout=LONGEST_SEND_S)
