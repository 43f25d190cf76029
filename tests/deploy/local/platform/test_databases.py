"""The permissions of database roles on one machine."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.platform.databases import app_dsn, create_databases, operator_dsn, owner_dsn, process_dsn
from deploy.local.platform.postgres import Postgres
from deploy.local.platform.secrets import Secrets
from tests.infra.platform.parts import Parts

SERVICES = ("ward_one", "ward_two")
ROLES = ("owner", "app", "api", "worker")
REFUSALS = (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)


@pytest.fixture
async def postgres(servers: Parts, tmp_path: Path) -> AsyncIterator[Postgres]:
    place = urlsplit(servers.postgres_dsn)
    assert place.port is not None
    assert place.password is not None
    yield Postgres(tmp_path, tmp_path, None, place.port, place.password)
    connection = await asyncpg.connect(servers.postgres_dsn)
    try:
        for service in SERVICES:
            await connection.execute(f"drop database if exists {service}")
        for service in SERVICES:
            for role in ROLES:
                await connection.execute(f"drop role if exists {service}_{role}")
        await connection.execute("drop role if exists dmp_operator")
    finally:
        await connection.close()


def dsn_of(postgres: Postgres, secrets: Secrets, service: str, role: str) -> str:
    match role:
        case "owner":
            return owner_dsn(postgres, secrets, service)
        case "app":
            return app_dsn(postgres, secrets, service)
        case _:
            return process_dsn(postgres, secrets, service, role)


async def test_a_services_roles_enter_its_own_database_only_and_each_process_has_one(
    postgres: Postgres, tmp_path: Path
) -> None:
    secrets = Secrets(tmp_path / "secrets.json")
    for _ in range(2):  # a start after the first changes nothing
        await create_databases(postgres, secrets, SERVICES)
    owner = await asyncpg.connect(owner_dsn(postgres, secrets, "ward_one"))
    await owner.execute("create table things (id integer); grant select, insert on things to ward_one_app")
    await owner.close()
    dsns = {role: dsn_of(postgres, secrets, "ward_one", role) for role in ROLES}
    assert len(set(dsns.values())) == len(ROLES)
    for role, dsn in dsns.items():
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("select current_user") == f"ward_one_{role}"
        await connection.execute("insert into things values (1)")
        if role != "owner":
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("delete from things")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("create table more (id integer)")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("set role ward_one_owner")
        await connection.close()
        for other in ("ward_two", "postgres", "template1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(dsn.rpartition("/")[0] + f"/{other}")


async def test_an_operator_sees_statistics_and_activity_and_reads_no_table(postgres: Postgres, tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets.json")
    await create_databases(postgres, secrets, SERVICES)
    owner = await asyncpg.connect(owner_dsn(postgres, secrets, "ward_one"))
    await owner.execute("create table things (id integer, name text)")
    await owner.execute("insert into things select 1, 'Ada' from generate_series(1, 100)")
    await owner.execute("analyze things")
    operator = await asyncpg.connect(operator_dsn(postgres, secrets, "ward_one"))
    try:
        seen = await operator.fetch("select n_live_tup from pg_stat_all_tables where relname = 'things'")
        assert [row["n_live_tup"] for row in seen] == [100]
        others = await operator.fetch("select query from pg_stat_activity where usename = 'ward_one_owner'")
        assert any("analyze things" in row["query"] for row in others)
        assert await operator.fetchval("select setting from pg_settings where name = 'hba_file'")
        assert await operator.fetchval("select count(*) from pg_stats where tablename = 'things'") == 0
        for act in (
            "select * from things",
            "select * from public.things",
            "insert into things values (1)",
            "create table more (id integer)",
        ):
            with pytest.raises(REFUSALS):
                await operator.execute(act)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await operator.execute("select pg_read_file('PG_VERSION')")
        for role in ("ward_one_app", "ward_one_owner"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await operator.execute(f"set role {role}")
    finally:
        await operator.close()
        await owner.close()
