"""Makes one database and its roles per service.

`<service>_owner` migrates the database. `<service>_app` has the service's permissions; imports use it. The roles
`<service>_api` and `<service>_worker` are its members, each with a password of its own. No role may connect to another
database.
"""

import asyncio
from collections.abc import Collection, Iterable

import asyncpg

from deploy.local.platform.postgres import Postgres
from deploy.local.platform.secrets import Secrets

PROCESSES = ("api", "worker")
_SERVERS_OWN = ("postgres", "template1")
_ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY($1)"
_EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
_UNSENT = (
    "SELECT topic FROM unnest($1::text[]) AS topic WHERE EXISTS (SELECT FROM outbox WHERE outbox.topic = topic.topic)"
)


def owner_dsn(postgres: Postgres, secrets: Secrets, service: str) -> str:
    """Returns the connection string of `migrate`."""
    return _dsn(postgres, secrets, service, f"{service}_owner")


def app_dsn(postgres: Postgres, secrets: Secrets, service: str) -> str:
    """Returns the connection string of imports and of operators' commands."""
    return _dsn(postgres, secrets, service, f"{service}_app")


def process_dsn(postgres: Postgres, secrets: Secrets, service: str, process: str) -> str:
    """Returns the connection string of a process, `api` or `worker`."""
    return _dsn(postgres, secrets, service, f"{service}_{process}")


async def create_roles(postgres: Postgres, secrets: Secrets, services: Collection[str]) -> None:
    """Creates the missing roles, and revokes their access to the server's own databases."""
    names = [f"{service}_{role}" for service in services for role in ("owner", "app", *PROCESSES)]
    connection = await asyncpg.connect(postgres.dsn())
    try:
        present = {row["rolname"] for row in await connection.fetch(_ROLES, names)}
        for name in names:
            if name not in present:  # names and passwords consist of letters, digits and "_"
                password = secrets.password(f"postgres/{name}")
                await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        for service in services:
            members = ", ".join(f"{service}_{process}" for process in PROCESSES)
            await connection.execute(f"GRANT {service}_app TO {members} WITH INHERIT TRUE, SET FALSE")
        await connection.execute(f"REVOKE ALL ON DATABASE {', '.join(_SERVERS_OWN)} FROM PUBLIC")
    finally:
        await connection.close()


async def create_databases(postgres: Postgres, secrets: Secrets, services: Iterable[str]) -> None:
    """Creates the missing roles and databases, and sets who may connect."""
    services = tuple(services)
    await create_roles(postgres, secrets, services)
    await asyncio.gather(*(_create_database(postgres, service) for service in services))


async def _create_database(postgres: Postgres, service: str) -> None:
    connection = await asyncpg.connect(postgres.dsn())
    try:
        if not await connection.fetchval(_EXISTS, service):
            await connection.execute(f"CREATE DATABASE {service} OWNER {service}_owner")
    finally:
        await connection.close()
    connection = await asyncpg.connect(postgres.dsn(service))
    try:
        await connection.execute(
            f"""
            REVOKE ALL ON DATABASE {service} FROM PUBLIC;
            GRANT CONNECT ON DATABASE {service} TO {service}_app;
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
            GRANT USAGE ON SCHEMA public TO {service}_app;
            """
        )
    finally:
        await connection.close()


async def unsent_topics(postgres: Postgres, service: str, topics: Iterable[str]) -> set[str]:
    """Returns the topics for which the service's outbox holds rows; none before its first migration."""
    try:
        connection = await asyncpg.connect(postgres.dsn(service))
    except asyncpg.InvalidCatalogNameError:
        return set()
    try:
        return {row["topic"] for row in await connection.fetch(_UNSENT, list(topics))}
    except asyncpg.UndefinedTableError:
        return set()
    finally:
        await connection.close()


def _dsn(postgres: Postgres, secrets: Secrets, service: str, role: str) -> str:
    return postgres.dsn(service, role, secrets.password(f"postgres/{role}"))
