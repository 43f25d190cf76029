"""Registers a software client (`POST /clients`, and the first one from the command line)."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.identity.clients import store as clients
from services.identity.clients.domain.clients import ClientNameTakenError, NewClient, new_client
from services.identity.directory import store as directory
from services.identity.directory.domain.directory import StructureUnknownError
from shared.db.pool import Connection, Pool
from shared.runtime import clock


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """The client's id, which its assertions carry as `iss` and `sub`. `is_new`: False when it was registered before."""

    client_id: str
    is_new: bool


async def register_client(
    database: Pool | Connection,
    *,
    name: str,
    kind: str,
    scopes: Iterable[str],
    keys: Iterable[Mapping[str, Any]],
    organisation_id: str | None = None,
    replace: bool = False,
) -> RegisteredClient:
    """Registers the client, or returns the existing one of that name. `keys` are public JWKs.

    A client of that name with other scopes or keys is updated if `replace` is set (for operators with access to the
    database); otherwise ClientNameTakenError is raised. Also raises what `new_client` raises, and
    StructureUnknownError.
    """
    return await register_new_client(database, new_client(name, kind, scopes, keys, organisation_id), replace=replace)


async def register_new_client(
    database: Pool | Connection, client: NewClient, *, replace: bool = False
) -> RegisteredClient:
    """Registers a checked client, as `register_client` does. Raises ClientNameTakenError, StructureUnknownError."""
    async with _transaction(database) as connection:
        return await _register(connection, client, replace)


async def _register(connection: Connection, client: NewClient, replace: bool) -> RegisteredClient:
    organisation = client.organisation_id
    if organisation is not None and not await directory.load_structures(connection, [organisation]):
        raise StructureUnknownError
    client_id = str(clock.new_id())
    if await clients.insert_client(connection, client_id, client):
        return RegisteredClient(client_id, is_new=True)
    existing_id, existing = await clients.lock_client_named(connection, client.name)
    if existing != client:
        if not replace:
            raise ClientNameTakenError
        await clients.update_client(connection, existing_id, client)
    return RegisteredClient(existing_id, is_new=False)


@asynccontextmanager
async def _transaction(database: Pool | Connection) -> AsyncIterator[Connection]:
    """Yields a connection of the pool, or the given connection, inside a transaction."""
    if isinstance(database, asyncpg.Pool):
        async with database.acquire() as connection, connection.transaction():
            yield connection
        return
    async with database.transaction():
        yield database
