"""Connections to the service's database, with time-outs set."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.db.connection import open_connection
from shared.db.errors import DATABASE_ERRORS, is_transient
from shared.db.notifications import Attend, Notifier, NotingConnection
from shared.errors import TransientError
from shared.runtime.settings import PostgresSettings

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:  # asyncpg's classes are generic in its stubs only
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

__all__ = (
    "KEEPALIVES",
    "TRANSIENT",
    "Connection",
    "Limits",
    "Pool",
    "create_pool",
    "is_transient",
    "transaction",
    "wake_in_process",
)

KEEPALIVES = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
TRANSIENT = DATABASE_ERRORS
"""For `except`. `is_transient` then tells whether an error of these classes may pass without intervention."""


class NoConnectionError(TransientError):
    """All connections of this process are in use, or the database answers nobody."""

    code = "no-connection"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to wait for a connection, and seconds that the server lets one statement run (never longer than the
    settings say). A connection that is still silent `grace_s` later is closed at once."""

    acquire_s: float
    statement_s: float
    grace_s: float


WORK: Final = Limits(acquire_s=30, statement_s=math.inf, grace_s=5)
"""For consumers, loops and imports: failed work is retried, and no caller waits for an answer."""
ANSWER: Final = Limits(acquire_s=1.5, statement_s=2.5, grace_s=0.5)
"""For requests: when the database falls silent, the caller has the answer 503 within 5 s."""
LONG_ANSWER: Final = Limits(acquire_s=1.5, statement_s=math.inf, grace_s=0.5)
"""For the few operators' requests that count or read many rows, on separate connections."""


TURNS: Final = 3


class _ClosedWhenSilent(NotingConnection):
    """A connection that is terminated when a statement gets no answer in time or its task ends.

    `opened_at`: event loop seconds.

    By default the driver asks the server to cancel the statement, and the rollback, and with it the caller, waits for a
    server that may be just as silent. Work that still runs on the server ends by the server's time-out.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.opened_at = asyncio.get_running_loop().time()

    def _cancel_current_command(self, *_: object) -> None:  # the driver's hook, called from inside the protocol
        asyncio.get_running_loop().call_soon(self.terminate)


class _PoolWithLimits(Pool):
    """A pool whose callers do not wait for ever: they wait `patience_s`, and up to `TURNS` times as long while
    connections are being released, so that a machine under load becomes slow before it refuses. A connection that is
    older than `max_age_s` is closed when it is released: its successor reads the files of TLS anew."""

    patience_s: float = 0
    max_age_s: float = math.inf
    notifier: Notifier
    _came_back_at: float = 0

    async def _acquire(self, timeout: float | None) -> Any:  # every way to a connection goes through this method
        loop = asyncio.get_running_loop()
        turn = 1
        while True:
            began = loop.time()
            try:
                patience = self.patience_s if timeout is None else timeout
                return await super()._acquire(patience)  # type: ignore[misc]  # missing in the stubs
            except TimeoutError as error:
                if timeout is not None or turn == TURNS or self._came_back_at < began:
                    raise NoConnectionError from error
            turn += 1

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:
        """Releases the connection like the driver, and notes the time as a sign that the database answers."""
        if not connection.is_closed():
            self._came_back_at = asyncio.get_running_loop().time()
            if self._came_back_at - connection.opened_at > self.max_age_s:
                await self.notifier.on_release(connection)
                connection.terminate()
        await super().release(connection, timeout=timeout)


async def create_pool(
    settings: PostgresSettings, *, application: str, size: int | None = None, kept: int = 1, limits: Limits = WORK
) -> Pool:
    """Returns a pool for the app role that keeps `kept` idle connections open, with time-outs set on every connection.

    Asking the pool for a connection raises NoConnectionError (a TransientError) when none is free in time.
    """
    statement_s = min(settings.statement_timeout_s, limits.statement_s)
    milliseconds = str(int(statement_s * 1000))
    server_settings: dict[str, str] = {
        "application_name": application,
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        "idle_in_transaction_session_timeout": "15000",
        "transaction_timeout": "30000",
        "timezone": "UTC",
        "jit": "off",
        # Every statement names its shard and is prepared: planning it again at each call costs more than it gains.
        "plan_cache_mode": "force_generic_plan",
        **KEEPALIVES,
    }
    notifier = Notifier()
    pool = _PoolWithLimits(
        settings.dsn.get_secret_value(),
        min_size=kept,
        max_size=size or settings.pool_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300,
        loop=None,
        connect=open_connection,  # type: ignore[arg-type]  # the stub lists every option
        connection_class=_ClosedWhenSilent,
        record_class=asyncpg.Record,
        timeout=5,
        command_timeout=statement_s + limits.grace_s,
        server_settings=server_settings,
        # No session state outlives its transaction, so the round trip of a reset is saved.
        reset=notifier.on_release,
    )
    pool.patience_s, pool.max_age_s = limits.acquire_s, settings.max_connection_age_s
    pool.notifier = notifier
    notifier.pool = pool
    return await pool


def wake_in_process(pool: Pool, channel: str, attend: Attend) -> None:
    """Delivers this pool's notifications on a channel to a handler in this process, see `Notifier`."""
    assert isinstance(pool, _PoolWithLimits)
    pool.notifier.attend(channel, attend)


@asynccontextmanager
async def transaction(pool: Pool, **options: Any) -> AsyncIterator[Connection]:
    """Yields a connection inside a transaction (READ COMMITTED)."""
    async with pool.acquire() as connection, connection.transaction(**options):
        yield connection
