"""The statements that PostgreSQL executed, by pg_stat_statements: each statement of a client is one round trip."""

from dataclasses import dataclass

import asyncpg

from deploy.local.platform.postgres import SETTINGS
from deploy.local.platform.stack import Stack

_EXTENSION = "create extension if not exists pg_stat_statements"
_RESET = "select pg_stat_statements_reset()"
_BY_DATABASE = """
select d.datname, sum(s.calls)::float8, sum(s.total_exec_time)::float8
from pg_stat_statements s join pg_database d on d.oid = s.dbid
where d.datname <> 'postgres' group by d.datname order by 1"""
_BY_STATEMENT = """
select d.datname, s.calls::float8, s.total_exec_time::float8, regexp_replace(s.query, '\\s+', ' ', 'g')
from pg_stat_statements s join pg_database d on d.oid = s.dbid
where d.datname <> 'postgres' order by s.total_exec_time desc"""


@dataclass(frozen=True)
class Statements:
    """The use of one database, or of one statement, per document."""

    name: str
    round_trips: float
    milliseconds: float


def preload() -> None:
    """Makes every PostgreSQL that this process starts from now on load the counters."""
    SETTINGS["shared_preload_libraries"] = "pg_stat_statements"


async def reset(stack: Stack) -> None:
    """Resets the counters."""
    await _run(stack, _EXTENSION)
    await _run(stack, _RESET)


async def by_database(stack: Stack, documents: int) -> list[Statements]:
    """Returns round trips and time in the executor since `reset`, without planning and protocol."""
    return await _read(stack, _BY_DATABASE, documents)


async def by_statement(stack: Stack, documents: int) -> list[Statements]:
    """Returns round trips and time in the executor of each statement, the most expensive first."""
    return await _read(stack, _BY_STATEMENT, documents)


async def _read(stack: Stack, query: str, documents: int) -> list[Statements]:
    connection = await asyncpg.connect(stack.postgres.dsn())
    try:
        rows = await connection.fetch(query)
    finally:
        await connection.close()
    many = max(1, documents)
    return [Statements(": ".join([row[0], *row[3:]]), row[1] / many, row[2] / many) for row in rows]


async def _run(stack: Stack, statement: str) -> None:
    connection = await asyncpg.connect(stack.postgres.dsn())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
