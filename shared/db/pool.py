"""Connections to the service's own database, with time-outs set."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

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
"""For `except`: `is_transient` then decides whether an error of these classes may pass by itself."""


class NoConnectionError(TransientError):
    """All connections of this process are in use, or the database answers nobody."""

    code = "no-connection"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: how long a caller waits for a connection, and how long the server lets one statement run (never longer
    than the settings say). A connection that is still silent `grace_s` later is closed at once."""

    acquire_s: float
    statement_s: float
    grace_s: float


WORK: Final = Limits(acquire_s=30, statement_s=math.inf, grace_s=5)
"""Consumers, loops and imports: what cannot go on is tried again, and nobody waits for an answer."""
ANSWER: Final = Limits(acquire_s=1.5, statement_s=2.5, grace_s=0.5)
"""Requests: with a database that falls silent, a caller has the answer 503 within 5 s."""
LONG_ANSWER: Final = Limits(acquire_s=1.5, statement_s=math.inf, grace_s=0.5)
"""The few requests that count or read much, all of operators: they have connections of their own."""


TURNS: Final = 3


class _ClosedWhenSilent(NotingConnection):
    """A connection that is closed, without a farewell, when a statement was not answered in time or its task ended.

    The driver would ask a server that is perhaps as silent to cancel the statement, and let the rollback, and with it
    the caller, wait for that. What a server that still runs was doing ends by its own time-out.
    """

    def _cancel_current_command(self, *_: object) -> None:  # the driver's hook; it calls this from inside the protocol
        asyncio.get_running_loop().call_soon(self.terminate)


class _PoolWithLimits(Pool):
    """A pool that does not let its callers wait for ever: `patience_s`, and up to `TURNS` times as long while
    connections come back, so that a machine under load is slow before it refuses."""

    patience_s: float = 0
    notifier: Notifier
    _came_back_at: float = 0

    async def _acquire(self, timeout: float | None) -> Any:  # what every way to a connection goes through
        loop = asyncio.get_running_loop()
        turn = 1
        while True:
            began = loop.time()
            try:
                patience = self.patience_s if timeout is None else timeout
                return await super()._acquire(patience)  # type: ignore[misc]  # the stubs leave it out
            except TimeoutError as error:
                if timeout is not None or turn == TURNS or self._came_back_at < began:
                    raise NoConnectionError from error
            turn += 1

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:
        """As the driver's; notes that the database has answered somebody."""
        if not connection.is_closed():
            self._came_back_at = asyncio.get_running_loop().time()
        await super().release(connection, timeout=timeout)


async def create_pool(
    settings: PostgresSettings, *, application: str, size: int | None = None, kept: int = 1, limits: Limits = WORK
) -> Pool:
    """A pool for the app role, of which `kept` connections stay open while nobody needs them. Statement and
    transaction time-outs are set on every connection.

    Raises NoConnectionError (a TransientError) from whatever asks for a connection and gets none in time.
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
        # Every statement names its shard and is prepared: planning it anew at each call costs more than it finds.
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
        connection_class=_ClosedWhenSilent,
        record_class=asyncpg.Record,
        timeout=5,
        command_timeout=statement_s + limits.grace_s,
        server_settings=server_settings,
        # Nothing in a pooled session outlives its transaction, so the round trip that would reset it is saved.
        reset=notifier.on_release,
    )
    pool.patience_s = limits.acquire_s
    pool.notifier = notifier
    notifier.pool = pool
    return await pool


def wake_in_process(pool: Pool, channel: str, attend: Attend) -> None:
    """Hands what this pool's transactions notify on a channel to this process, see `Notifier`."""
    assert isinstance(pool, _PoolWithLimits)
    pool.notifier.attend(channel, attend)


@asynccontextmanager
async def transaction(pool: Pool, **options: Any) -> AsyncIterator[Connection]:
    """One connection, one transaction (READ COMMITTED)."""
    async with pool.acquire() as connection, connection.transaction(**options):
        yield connection
