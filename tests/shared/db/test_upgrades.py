"""The databases of the last release, with their rows, become those of this one: `tests/upgrades/take.py` made them."""

import asyncio
import gzip
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from shared.contracts.declarations import SERVICES
from shared.db.migrate import Migration, check_migrated, migrate, migrations_folder, migrations_of
from tests.conftest import NewDatabase
from tests.infra.platform.catalogues import catalogue_of, rows_of
from tests.infra.platform.databases import APP, OWNER, Databases
from tests.infra.platform.parts import Parts
from tests.infra.platform.paths import ROOT
from tests.infra.platform.postgres_tools import run_tool

FOLDER = ROOT / "tests" / "upgrades"
DATED = re.compile(r"(inbox|ledger_entries)_\d{6}")
COMPARED = ("columns", "constraints", "indexes", "triggers", "functions")
Restore = Callable[[str], Awaitable[str]]


@pytest_asyncio.fixture
async def landed(databases: Databases, servers: Parts, tmp_path: Path) -> AsyncIterator[Restore]:
    """`await landed("records")`: the owner's connection string of that service's database of the last release."""
    names: list[str] = []

    async def restore(service: str) -> str:
        name, script = f"landed_{os.getpid()}_{service}", tmp_path / f"{service}.sql"
        script.write_bytes(gzip.decompress((FOLDER / f"{service}.sql.gz").read_bytes()))
        maintenance = f"--maintenance-db={servers.postgres_dsn}"
        await run_tool("createdb", maintenance, f"--owner={OWNER}", "--template=template0", name)
        names.append(name)
        dsn = databases.owner_dsn(name)
        await run_tool("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={script}", f"--dbname={dsn}")
        return dsn

    yield restore
    for name in names:
        await run_tool("dropdb", f"--maintenance-db={servers.postgres_dsn}", "--force", name)


@pytest.mark.parametrize("service", SERVICES)
async def test_the_last_release_is_upgraded_with_its_rows_to_what_a_new_installation_has(
    service: str, landed: Restore, new_database: NewDatabase
) -> None:
    dsn, migrations = await landed(service), migrations_of(service, migrations_folder(service))
    before = await rows_of(dsn)
    assert sum(count for count, _ in before.values()) > 20
    await migrate(dsn, migrations, APP)
    connection = await asyncpg.connect(dsn)
    await check_migrated(connection, service, migrations)
    await connection.close()
    after = await rows_of(dsn)
    assert {name for name, (count, _) in before.items() if name in after and after[name][0] < count} == set()
    upgraded, fresh = await asyncio.gather(catalogue_of(dsn), catalogue_of((await new_database(service)).owner_dsn))
    for name in COMPARED:
        assert undated(upgraded[name]) == undated(fresh[name]), name


@pytest.mark.parametrize("service", SERVICES)
async def test_a_release_whose_post_migrations_wait_ends_with_the_same_schema(
    service: str, landed: Restore, new_database: NewDatabase
) -> None:
    dsn, migrations = await landed(service), migrations_of(service, migrations_folder(service))
    await migrate(dsn, migrations, APP, "pre")
    connection = await asyncpg.connect(dsn)
    await check_migrated(connection, service, migrations)
    await connection.close()
    await migrate(dsn, migrations, APP, "post")
    upgraded, fresh = await asyncio.gather(catalogue_of(dsn), catalogue_of((await new_database(service)).owner_dsn))
    for name in COMPARED:
        assert undated(upgraded[name]) == undated(fresh[name]), name


async def test_a_migration_that_only_an_empty_database_bears_is_found(landed: Restore) -> None:
    dsn, migrations = await landed("records"), migrations_of("records", migrations_folder("records"))
    wrong = Migration("records/9999_pre_add_note.sql", "alter table documents add column note text not null")
    with pytest.raises(asyncpg.NotNullViolationError):
        await migrate(dsn, [*migrations, wrong], APP)


def undated(rows: list[tuple[Any, ...]]) -> set[tuple[str, ...]]:
    """Returns what does not belong to a partition of one day or month, without privileges: they are granted anew."""
    texts = [tuple(str(value) for value in row if not isinstance(value, list)) for row in rows]
    return {row for row in texts if not any(DATED.search(value) for value in row[:2])}
