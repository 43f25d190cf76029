"""Registers a software client (`POST /clients`, and the first one from the command line)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from services.identity.clients.domain.clients import ClientNameTakenError, NewClient
from services.identity.clients.domain.registrations import Registration
from services.identity.clients.steps import announce_change
from services.identity.clients.store import clients
from services.identity.directory import store as directory
from services.identity.directory.domain.directory import StructureUnknownError
from shared.contracts.base import Actor
from shared.db.pool import Connection, Pool
from shared.runtime import clock

COMMAND_LINE = Actor(kind="system", id="command-line")
"""The actor of a registration by an operator with access to the database."""


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """The client's id, which its assertions carry as `iss` and `sub`. `is_new`: False when it was registered before."""

    client_id: str
    is_new: bool


async def register_client(
    database: Pool | Connection, client: NewClient, actor: Actor = COMMAND_LINE, *, replace: bool = False
) -> RegisteredClient:
    """Registers the checked client, or returns the existing one of that name.

    A client of that name that differs, or is disabled, is updated and active again if `replace` is set (for operators
    with access to the database); otherwise ClientNameTakenError is raised. Also raises StructureUnknownError.
    """
    async with _transaction(database) as connection:
        return await _register(connection, client, actor, replace)


async def _register(connection: Connection, client: NewClient, actor: Actor, replace: bool) -> RegisteredClient:
    organisation = client.organisation_id
    if organisation is not None and not await directory.load_structures(connection, [organisation]):
        raise StructureUnknownError
    registration = Registration(str(clock.new_id()), client, "active", clock.now())
    if await clients.insert_client(connection, registration.id, client):
        await announce_change(connection, "register-client", registration, actor)
        return RegisteredClient(registration.id, is_new=True)
    existing = await clients.lock_client_named(connection, client.name)
    if existing.client != client or existing.status != "active":
        if not replace:
            raise ClientNameTakenError
        registration = Registration(existing.id, client, "active", existing.registered_at)
        await clients.update_client(connection, registration)
        await announce_change(connection, "change-client", registration, actor, existing)
    return RegisteredClient(existing.id, is_new=False)


@asynccontextmanager
async def _transaction(database: Pool | Connection) -> AsyncIterator[Connection]:
    """Yields a connection of the pool, or the given connection, inside a transaction."""
    if isinstance(database, asyncpg.Pool):
        async with database.acquire() as connection, connection.transaction():
            yield connection
        return
    async with database.transaction():
        yield database
