"""pg_dump and pg_restore carry each service's schema whole: partitions, constraints, functions, privileges."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from shared.contracts.declarations import SERVICES
from tests.conftest import NewDatabase
from tests.infra.platform.catalogues import CATALOGUES, catalogue_of, rows_of
from tests.infra.platform.databases import OWNER, Databases
from tests.infra.platform.parts import Parts
from tests.infra.platform.postgres_tools import run_tool

NOT_IN_A_DUMP = {"database"}
"""Who may connect is granted again after a restore: pg_dump has no database of its own without --create."""
MAINTAIN = {"audit": "select maintain_inbox(33), maintain_ledger(3)"}


@pytest.mark.parametrize("role", ["owner", "superuser"])
@pytest.mark.parametrize("service", SERVICES)
async def test_a_restored_schema_is_the_one_that_was_dumped(
    service: str, role: str, new_database: NewDatabase, databases: Databases, servers: Parts, tmp_path: Path
) -> None:
    database = await new_database(service)
    connection = await asyncpg.connect(database.dsn)
    await connection.execute(MAINTAIN.get(service, "select maintain_inbox(33)"))
    await connection.close()
    source = database.owner_dsn if role == "owner" else databases.superuser_dsn(database.name)
    await run_tool("pg_dump", f"--dbname={source}", "--format=custom", f"--file={tmp_path / 'dump'}")
    restored = f"{database.name}_restored"
    await run_tool(
        *("createdb", f"--maintenance-db={servers.postgres_dsn}", f"--owner={OWNER}", "--template=template0", restored)
    )
    try:
        target = source.replace(f"/{database.name}", f"/{restored}")
        await run_tool("pg_restore", "--exit-on-error", f"--dbname={target}", str(tmp_path / "dump"))
        before, after = await asyncio.gather(catalogue_of(source), catalogue_of(target))
        for name in CATALOGUES.keys() - NOT_IN_A_DUMP:
            assert after[name] == before[name], name
        assert await rows_of(target) == await rows_of(source)
    finally:
        await run_tool("dropdb", f"--maintenance-db={servers.postgres_dsn}", "--force", restored)


async def test_a_difference_in_a_catalogue_is_seen(new_database: NewDatabase) -> None:
    database = await new_database("audit")
    before = await catalogue_of(database.owner_dsn)
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(
        "grant update on ledger_entries to test_app; alter table late_motives drop constraint late_motives_sealed_check"
    )
    await connection.close()
    after = await catalogue_of(database.owner_dsn)
    assert {name for name in CATALOGUES if after[name] != before[name]} == {"relations", "constraints"}
