"""Gives each test a database, cloned from a template that is migrated once per run; an emptied one is used again.

Cloning copies twelve megabytes; emptying the few tables that a test wrote takes a few milliseconds.
"""

import itertools
import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from shared.db.migrate import migrate, migrations_of
from shared.db.pool import Connection, Pool
from tests.infra.platform.waiting import eventually

OWNER, APP, PASSWORD = "test_owner", "test_app", "test"
_numbers = itertools.count(1)
_PATIENCE = 2.0
"""Seconds within which the sessions of a test must end."""

_SELECT_SESSIONS = """
select exists (
    select from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker')"""
_CATALOGS = (
    *("pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_trigger", "pg_proc", "pg_type"),
    *("pg_namespace", "pg_policy", "pg_rewrite", "pg_default_acl", "pg_sequence", "pg_event_trigger", "pg_extension"),
)
_SELECT_CATALOGS = " union all ".join(
    f"select '{name}' as catalog, count(*) as rows, coalesce(sum(xmin::text::bigint), 0)::text as versions "
    f"from pg_catalog.{name}"
    for name in _CATALOGS
)
"""The result stays equal until something is declared, changed, dropped or granted, since each change makes a new row
version."""
_SELECT_VERSIONS = "select count(*), coalesce(sum(xmin::text::bigint), 0)::text from pg_class"
_SELECT_RELATIONS = """
select count(*), coalesce(sum(hashtextextended(concat_ws(
    '|', relname, relnamespace, relowner, relam, reltablespace, relkind, relpersistence, relispartition, relrowsecurity,
    relforcerowsecurity, relreplident, relacl, reloptions, pg_get_expr(relpartbound, oid)), 0)), 0)::text
from pg_class"""
"""What is declared of tables, indexes and sequences. A truncated table has a new file, and so a new row version too."""
_SELECT_SETTINGS = "select count(*) from pg_db_role_setting"
_SELECT_TABLES = """
select format('%I.%I', relnamespace::regnamespace::text, relname) as name, pg_relation_size(oid) > 0 as used
from pg_class where relkind = 'r' and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')"""
_RESET_SEQUENCES = """
select setval(seqrelid, seqstart, false) from pg_sequence where pg_sequence_last_value(seqrelid) is not null"""


@dataclass(frozen=True)
class Database:
    """One service's database: `dsn` as the app role, `owner_dsn` as its owner."""

    service: str
    name: str
    dsn: str
    owner_dsn: str


@dataclass(frozen=True)
class Template:
    """The origin of a service's databases: its rows (by table, as COPY writes them) and its declarations."""

    name: str
    rows: dict[str, bytes]
    declared: list[tuple[object, ...]]
    versions: tuple[object, ...]
    relations: tuple[object, ...]


class Databases:
    """Creates databases on one server, and reuses a database for the next test when nobody uses it any more."""

    def __init__(self, superuser_dsn: str) -> None:
        self._superuser_dsn = superuser_dsn
        self._templates: dict[str, Template] = {}
        self._free: dict[str, list[Database]] = defaultdict(list)
        self._sessions: dict[str, asyncpg.Connection] = {}

    async def prepare(self) -> None:
        """Creates the two roles of all test databases, whose password is checked a thousand times, and quickly."""
        for role in (OWNER, APP):
            await self._run(
                "set scram_iterations = 1; "
                f"do $$ begin create role {role} login password '{PASSWORD}'; "
                "exception when duplicate_object or unique_violation then null; end $$"
            )

    async def new(self, service: str) -> Database:
        """Returns an empty, migrated database of that service."""
        if self._free[service]:
            return self._free[service].pop()
        template = self._templates.get(service) or await self._template(service)
        name = f"test_{os.getpid()}_{service}_{next(_numbers)}"
        await self._run(f'create database "{name}" template "{template.name}" strategy file_copy owner {OWNER}')
        return self._database(service, name)

    async def give_back(self, database: Database) -> None:
        """Empties a database for the next test; drops it if it is still in use or its schema was changed."""
        if await self._emptied(database):
            self._free[database.service].append(database)
        else:
            await self.drop(database)

    async def drop(self, database: Database) -> None:
        """Drops a database and ends its connections."""
        await self._drop(database.name)

    async def close(self) -> None:
        """Drops all remaining databases."""
        for database in (database for kept in self._free.values() for database in kept):
            await self.drop(database)
        for template in self._templates.values():
            await self._drop(template.name)

    def superuser_dsn(self, name: str) -> str:
        """Returns the superuser's connection string for a database."""
        return urlunsplit(urlsplit(self._superuser_dsn)._replace(path=f"/{name}"))

    def owner_dsn(self, name: str) -> str:
        """Returns the connection string of the owner for a database."""
        return self._dsn(OWNER, name)

    async def _emptied(self, database: Database) -> bool:
        template = self._templates[database.service]
        with suppress(asyncpg.InvalidCatalogNameError):  # a test may have dropped it
            session = await self._session(database)
            if await _left_alone(session) and await _is_as_declared(session, template):
                await _empty(session, template.rows)
                return True
        return False

    async def _session(self, database: Database) -> asyncpg.Connection:
        """Returns the superuser's session on a database; to open one for each test takes longer than to empty it."""
        session = self._sessions.get(database.name)
        if session is None or session.is_closed():
            session = self._sessions[database.name] = await asyncpg.connect(self.superuser_dsn(database.name))
        return session

    async def _template(self, service: str) -> Template:
        name = f"template_{os.getpid()}_{service}"
        await self._drop(name)
        await self._run(f'create database "{name}" owner {OWNER}')
        folder = Path(__file__).parents[3] / "services" / service / "migrations"
        await migrate(self._database(service, name).owner_dsn, migrations_of(service, folder), APP)
        connection = await asyncpg.connect(self.superuser_dsn(name))
        try:
            rows = await _rows(connection)
            versions, relations = await _row(connection, _SELECT_VERSIONS), await _row(connection, _SELECT_RELATIONS)
            template = Template(name, rows, await _declared(connection), versions, relations)
        finally:
            await connection.close()
        self._templates[service] = template
        return template

    async def _drop(self, name: str) -> None:
        if session := self._sessions.pop(name, None):
            session.terminate()
        await self._run(f'drop database if exists "{name}" with (force)')

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


async def fetch_row(connection: Pool | Connection, sql: str, *arguments: object) -> asyncpg.Record:
    """Returns the first row of a query that must return one."""
    row = await connection.fetchrow(sql, *arguments)
    assert row is not None, sql
    return row


async def _left_alone(connection: asyncpg.Connection) -> bool:
    """Whether no other session is connected. A session that outlasts its test may still write."""

    async def look() -> bool:
        return not await connection.fetchval(_SELECT_SESSIONS)

    try:
        return await eventually(look, seconds=_PATIENCE)
    except AssertionError:
        return False


async def _is_as_declared(connection: asyncpg.Connection, template: Template) -> bool:
    """Whether nothing was declared, changed, dropped or granted."""
    if await _declared(connection) != template.declared:
        return False
    # Hashing all relations takes longer than adding their versions up.
    return (
        await _row(connection, _SELECT_VERSIONS) == template.versions
        or await _row(connection, _SELECT_RELATIONS) == template.relations
    )


async def _declared(connection: asyncpg.Connection) -> list[tuple[object, ...]]:
    """Returns columns, constraints, functions, permissions and settings in a form that can be compared."""
    return [*map(tuple, await connection.fetch(_SELECT_CATALOGS)), (await connection.fetchval(_SELECT_SETTINGS),)]


async def _row(connection: asyncpg.Connection, query: str) -> tuple[object, ...]:
    return tuple(await fetch_row(connection, query))


async def _rows(connection: asyncpg.Connection) -> dict[str, bytes]:
    """Returns the rows that the migrations wrote."""
    rows = {}
    for table in await connection.fetch(_SELECT_TABLES):
        if table["used"]:
            written = BytesIO()
            await connection.copy_from_query(f"select * from {table['name']}", output=written, format="binary")
            rows[table["name"]] = written.getvalue()
    return rows


async def _empty(connection: asyncpg.Connection, rows: dict[str, bytes]) -> None:
    """Restores the state after the migrations: no other rows, sequences at their beginning."""
    used = [table["name"] for table in await connection.fetch(_SELECT_TABLES) if table["used"]]
    async with connection.transaction():
        await connection.execute("set local session_replication_role = replica")  # no triggers, no foreign keys
        await connection.execute("; ".join(f"delete from {name}" for name in used))
        for name, written in rows.items():
            schema, table = name.split(".")
            await connection.copy_to_table(table, schema_name=schema, source=BytesIO(written), format="binary")
        await connection.execute(_RESET_SEQUENCES)
    for name in used:  # gives the space back, so that a table that is not written is not looked at again
        await connection.execute(f"vacuum (analyze false, index_cleanup on) {name}")
