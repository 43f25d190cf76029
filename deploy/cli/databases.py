"""Makes one database and its roles per service on a PostgreSQL server, as its superuser.

`<service>_owner` migrates the database. `<service>_app` has the service's permissions; imports use it. The roles
`<service>_api` and `<service>_worker` are its members, each with a password of its own. No role of a service may
connect to another database. `dmp_operator` connects to each and sees statistics and settings (pg_monitor), no table.
"""

import asyncio
from collections.abc import Callable, Collection

from shared.db.connection import open_connection

PROCESSES = ("api", "worker")
OPERATOR = "dmp_operator"
_SERVERS_OWN = ("postgres", "template1")
_ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY($1)"
_EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"


def roles_of(service: str) -> list[str]:
    """Returns the names of a service's roles."""
    return [f"{service}_{role}" for role in ("owner", "app", *PROCESSES)]


async def create_roles(dsn: str, services: Collection[str], password: Callable[[str], str]) -> None:
    """Creates the missing roles, and revokes their access to the server's own databases.

    `password` returns that of a role, of letters and digits.
    """
    names = [*(role for service in services for role in roles_of(service)), OPERATOR]
    connection = await open_connection(dsn)
    try:
        present = {row["rolname"] for row in await connection.fetch(_ROLES, names)}
        for name in names:
            if name not in present:  # names and passwords consist of letters, digits and "_"
                await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password(name)}'")
        for service in services:
            members = ", ".join(f"{service}_{process}" for process in PROCESSES)
            await connection.execute(f"GRANT {service}_app TO {members} WITH INHERIT TRUE, SET FALSE")
        await connection.execute(f"GRANT pg_monitor TO {OPERATOR}")
        await connection.execute(f"REVOKE ALL ON DATABASE {', '.join(_SERVERS_OWN)} FROM PUBLIC")
    finally:
        await connection.close()


async def create_databases(
    dsn_of: Callable[[str], str], services: Collection[str], password: Callable[[str], str]
) -> None:
    """Creates the missing roles and databases, and sets who may connect.

    `dsn_of` returns the superuser's connection string for a database.
    """
    await create_roles(dsn_of("postgres"), services, password)
    await asyncio.gather(*(_create_database(dsn_of, service) for service in services))


async def _create_database(dsn_of: Callable[[str], str], service: str) -> None:
    connection = await open_connection(dsn_of("postgres"))
    try:
        if not await connection.fetchval(_EXISTS, service):
            await connection.execute(f"CREATE DATABASE {service} OWNER {service}_owner")
    finally:
        await connection.close()
    connection = await open_connection(dsn_of(service))
    try:
        await connection.execute(
            f"""
            REVOKE ALL ON DATABASE {service} FROM PUBLIC;
            GRANT CONNECT ON DATABASE {service} TO {service}_app, {OPERATOR};
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
            GRANT USAGE ON SCHEMA public TO {service}_app;
            """
        )
    finally:
        await connection.close()
