"""Connections to the service's own database, with time-outs set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.db.notifications import Notifier, NotingConnection
from shared.errors import TransientError
from shared.settings import PostgresSettings

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:  # asyncpg's classes are generic in its stubs only
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

KEEPALIVES = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
TRANSIENT = (
    OSError,
    TimeoutError,
    TransientError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver says when the server ended the session under it
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidTransactionStateError,
)
"""What may pass by itself. `is_transient` decides; a ValueError among them is a wrong argument, a bug."""


def is_transient(error: BaseException) -> bool:
    """Whether the same attempt may succeed later."""
    return isinstance(error, TRANSIENT) and not isinstance(error, ValueError)


async def create_pool(settings: PostgresSettings, *, application: str, size: int | None = None) -> Pool:
    """A pool for the app role. Statement and transaction time-outs are set on every connection."""
    milliseconds = str(int(settings.statement_timeout_s * 1000))
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
    notifier.pool = await asyncpg.create_pool(
        settings.dsn.get_secret_value(),
        min_size=1,
        max_size=size or settings.pool_size,
        timeout=5,
        command_timeout=settings.statement_timeout_s + 5,
        server_settings=server_settings,
        connection_class=NotingConnection,
        # Nothing in a pooled session outlives its transaction, so the round trip that would reset it is saved.
        reset=notifier.on_release,
    )
    return notifier.pool


@asynccontextmanager
async def transaction(pool: Pool, **options: Any) -> AsyncIterator[Connection]:
    """One connection, one transaction (READ COMMITTED)."""
    async with pool.acquire() as connection, connection.transaction(**options):
        yield connection
