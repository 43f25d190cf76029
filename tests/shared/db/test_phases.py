"""Migrations in two phases: before the code of a release, and when no older code runs any more."""

import asyncpg
import pytest

from shared.db.migrate import Migration, Phase, check_migrated, migrate, required_migrations
from shared.db.pool import create_pool
from shared.http.app import is_ready
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.platform.databases import APP, Database

ADDED = [
    Migration("consent/9001_pre_add_notes.sql", "create table notes (id int)"),
    Migration("consent/9002_post_close_notes.sql", "alter table notes add column closed int"),
    Migration("consent/9003_pre_add_marks.sql", "create table marks (id int)"),
]


async def names_of(database: Database) -> set[str]:
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        rows = await connection.fetch("select name from schema_migrations where name like 'consent/900%'")
        return {row["name"] for row in rows}
    finally:
        await connection.close()


async def test_each_phase_applies_its_own_migrations_and_the_code_runs_between_them(new_database: NewDatabase) -> None:
    database = await new_database("consent")
    assert await migrate(database.owner_dsn, ADDED, APP, "pre") == 2
    assert await names_of(database) == {ADDED[0].name, ADDED[2].name}
    connection = await asyncpg.connect(database.owner_dsn)
    await check_migrated(connection, "consent", ADDED)
    await connection.close()
    assert await migrate(database.owner_dsn, ADDED, APP, "post") == 1
    assert await names_of(database) == {migration.name for migration in ADDED}


@pytest.mark.parametrize("phase", ["pre", "post", None])
async def test_a_phase_that_is_applied_again_changes_nothing(phase: Phase | None, new_database: NewDatabase) -> None:
    database = await new_database("consent")
    await migrate(database.owner_dsn, ADDED, APP)
    assert await migrate(database.owner_dsn, ADDED, APP, phase) == 0


async def test_an_empty_database_gets_all_migrations_before_the_code(new_database: NewDatabase) -> None:
    database = await new_database("consent")
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("drop table schema_migrations")
    await connection.close()
    assert await migrate(database.owner_dsn, ADDED, APP, "pre") == 3


async def test_a_process_is_ready_while_its_own_pre_migrations_stand(new_database: NewDatabase) -> None:
    database = await new_database("consent")
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests", size=2)
    required = required_migrations("consent")
    assert await is_ready(pool, required)
    assert not await is_ready(pool, [*required, ADDED[0].name])
    pool.terminate()
