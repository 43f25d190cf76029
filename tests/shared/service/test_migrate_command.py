"""`migrate` needs the owner's connection string and the role of the service: no key, no broker, no issuer."""

import asyncio
import os
import sys

import asyncpg
import pytest

from tests.conftest import NewDatabase
from tests.infra.platform.databases import APP, Database
from tests.infra.platform.paths import ROOT
from tests.infra.platform.processes import ProcessResult


async def migrate(database: Database, *arguments: str, **settings: str) -> ProcessResult:
    """Runs `migrate` with these settings and no others of the service."""
    prefix = database.service.upper()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(f"{prefix}_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{database.service}", "migrate", *arguments),
        cwd=ROOT,
        env={**kept, **{f"{prefix}_{name}": value for name, value in settings.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return ProcessResult(process.returncode, output.decode(), errors.decode())


async def applied(database: Database) -> set[str]:
    connection = await asyncpg.connect(database.owner_dsn)
    rows = await connection.fetch("select name from schema_migrations")
    await connection.close()
    return {row["name"] for row in rows}


@pytest.mark.parametrize("service", ["records", "notify"])
async def test_the_owner_migrates_by_phase_without_any_key(service: str, new_database: NewDatabase) -> None:
    database = await new_database(service)
    before = await applied(database)
    for phase in ("pre", "post"):
        ended = await migrate(
            database, "--phase", phase, POSTGRES__OWNER_DSN=database.owner_dsn, POSTGRES__APP_ROLE=APP
        )
        assert (ended.code, ended.output) == (0, "")
    assert await applied(database) == before


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "RECORDS_POSTGRES__OWNER_DSN is missing"),
        ({"POSTGRES__OWNER_DSN": "postgresql://owner@127.0.0.1/records"}, "APP_ROLE must name the role"),
        ({"POSTGRES__OWNER_DSN": "postgresql://owner@nowhere.invalid/records"}, "needs `sslmode`"),
    ],
)
async def test_what_is_missing_is_named_in_one_line(
    settings: dict[str, str], complaint: str, new_database: NewDatabase
) -> None:
    ended = await migrate(await new_database("records"), **settings)
    assert ended.code == 78
    assert complaint in ended.errors
    assert ended.errors.count("\n") == 1


async def test_a_phase_that_there_is_not_is_a_mistake_of_usage(new_database: NewDatabase) -> None:
    ended = await migrate(await new_database("records"), "--phase", "between")
    assert ended.code == 2
