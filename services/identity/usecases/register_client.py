"""Registers a software client (`POST /clients`, and the first one from the command line)."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.identity.domain.clients import ClientNameTakenError, NewClient, new_client
from services.identity.domain.directory import StructureUnknownError
from services.identity.store import clients, directory
from shared.db.pool import Connection, Pool
from shared.runtime import clock


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """The client's id, which its assertions carry as `iss` and `sub`; `created` is False when it was there."""

    client_id: str
    created: bool


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
    """Registers the client, or finds the one of that name; `keys` are public JWKs.

    The same name with the same rights and keys is the same client. With other ones: `replace` (for operators with
    access to the database) sets them, otherwise ClientNameTakenError. Also raises what `new_client` raises, and
    StructureUnknownError.
    """
    return await register(database, new_client(name, kind, scopes, keys, organisation_id), replace=replace)


async def register(database: Pool | Connection, wanted: NewClient, *, replace: bool = False) -> RegisteredClient:
    """The same for a client that was checked. Raises ClientNameTakenError, StructureUnknownError."""
    async with _transaction(database) as connection:
        return await _register(connection, wanted, replace)


async def _register(connection: Connection, wanted: NewClient, replace: bool) -> RegisteredClient:
    organisation = wanted.organisation_id
    if organisation is not None and not await directory.load_structures(connection, [organisation]):
        raise StructureUnknownError
    client_id = str(clock.new_id())
    if await clients.insert_client(connection, client_id, wanted):
        return RegisteredClient(client_id, created=True)
    known_id, known = await clients.lock_client_named(connection, wanted.name)
    if known != wanted:
        if not replace:
            raise ClientNameTakenError
        await clients.update_client(connection, known_id, wanted)
    return RegisteredClient(known_id, created=False)


@asynccontextmanager
async def _transaction(database: Pool | Connection) -> AsyncIterator[Connection]:
    """A transaction on a connection of the pool, or on the connection given."""
    if isinstance(database, asyncpg.Pool):
        async with database.acquire() as connection, connection.transaction():
            yield connection
        return
    async with database.transaction():
        yield database
