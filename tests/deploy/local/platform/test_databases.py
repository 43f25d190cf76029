"""The permissions of database roles on one machine."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.platform.databases import app_dsn, create_databases, owner_dsn, process_dsn
from deploy.local.platform.postgres import Postgres
from deploy.local.platform.secrets import Secrets
from tests.infra.platform.parts import Parts

SERVICES = ("ward_one", "ward_two")
ROLES = ("owner", "app", "api", "worker")


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
