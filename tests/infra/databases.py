"""A database per test, cloned from a template that was migrated once per run."""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from shared.db.migrate import migrate, migrations_of

OWNER, APP, PASSWORD = "test_owner", "test_app", "test"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """One service's database: `dsn` as the app role, `owner_dsn` as its owner."""

    service: str
    name: str
    dsn: str
    owner_dsn: str


class Databases:
    """Makes and drops databases on one server."""

    def __init__(self, superuser_dsn: str) -> None:
        self._superuser_dsn = superuser_dsn
        self._templates: dict[str, str] = {}

    async def prepare(self) -> None:
        """The two roles of all test databases."""
        for role in (OWNER, APP):
            await self._run(
                f"do $$ begin create role {role} login password '{PASSWORD}'; "
                "exception when duplicate_object or unique_violation then null; end $$"
            )

    async def new(self, service: str) -> Database:
        """A migrated database of that service, empty."""
        template = self._templates.get(service) or await self._template(service)
        name = f"test_{os.getpid()}_{service}_{next(_numbers)}"
        await self._run(f'create database "{name}" template "{template}" owner {OWNER}')
        return self._database(service, name)

    async def drop(self, database: Database) -> None:
        """Ends its connections too."""
        await self._run(f'drop database if exists "{database.name}" with (force)')

    async def close(self) -> None:
        """Drops the templates."""
        for name in self._templates.values():
            await self._run(f'drop database if exists "{name}" with (force)')

    async def _template(self, service: str) -> str:
        name = f"template_{os.getpid()}_{service}"
        await self._run(f'drop database if exists "{name}" with (force)')
        await self._run(f'create database "{name}" owner {OWNER}')
        folder = Path(__file__).parents[2] / "services" / service / "migrations"
        await migrate(self._database(service, name).owner_dsn, migrations_of(service, folder), APP)
        self._templates[service] = name
        return name

    def _database(self, service: str, name: str) -> Database:
        return Database(service, name, self._dsn(APP, name), self._dsn(OWNER, name))

    def _dsn(self, role: str, name: str) -> str:
        place = urlsplit(self._superuser_dsn)
        netloc = f"{role}:{PASSWORD}@{place.hostname}:{place.port}"
        return urlunsplit((place.scheme, netloc, f"/{name}", "", ""))

    async def _run(self, sql: str) -> None:
        connection = await asyncpg.connect(self._superuser_dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()
