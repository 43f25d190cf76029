"""The context objects of identity: what holds its data, and one transaction on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.identity.kit.sealed_rows import Keyrings
from shared.db.pool import Connection, Pool, transaction


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """A connection, usually in a transaction, and the keyrings under which its rows are sealed."""

    connection: Connection
    keyrings: Keyrings


@dataclass(frozen=True, slots=True)
class Storage:
    """Identity's database and the keyrings under which its rows are sealed."""

    pool: Pool
    keyrings: Keyrings

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """Runs the block in one transaction (READ COMMITTED)."""
        async with transaction(self.pool) as connection:
            yield UnitOfWork(connection, self.keyrings)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[UnitOfWork]:
        """Gives the block a connection without a transaction."""
        async with self.pool.acquire() as connection:
            yield UnitOfWork(connection, self.keyrings)
