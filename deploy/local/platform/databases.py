"""The databases of the services on one machine, and their connection strings; see `deploy/cli/databases.py`."""

from collections.abc import Collection, Iterable

import asyncpg

from deploy.cli import databases
from deploy.local.platform.postgres import Postgres
from deploy.local.platform.secrets import Secrets
from shared.db.connection import open_connection

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


def operator_dsn(postgres: Postgres, secrets: Secrets, service: str) -> str:
    """Returns the connection string of an operator, who sees statistics and no table."""
    return _dsn(postgres, secrets, service, databases.OPERATOR)


async def create_roles(postgres: Postgres, secrets: Secrets, services: Collection[str]) -> None:
    """Creates the missing roles, and revokes their access to the server's own databases."""
    await databases.create_roles(postgres.dsn(), services, lambda role: secrets.password(f"postgres/{role}"))


async def create_databases(postgres: Postgres, secrets: Secrets, services: Collection[str]) -> None:
    """Creates the missing roles and databases, and sets who may connect."""
    await databases.create_databases(postgres.dsn, services, lambda role: secrets.password(f"postgres/{role}"))


async def unsent_topics(postgres: Postgres, service: str, topics: Iterable[str]) -> set[str]:
    """Returns the topics for which the service's outbox holds rows; none before its first migration."""
    try:
        connection = await open_connection(postgres.dsn(service))
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
