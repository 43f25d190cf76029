"""Archives on Kubernetes: the commands of the generated CronJobs, on a real database made as the manifests make it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from deploy.cli.databases import OPERATOR
from deploy.manifests import archives, postgres
from deploy.manifests.network import policies_of
from deploy.manifests.pods import IMAGE
from deploy.manifests.variables import cluster_name
from shared.contracts.declarations import SERVICES
from shared.crypto.archives import new_private_key
from shared.db.migrate import migrate, migrations_of
from tests.infra.platform.catalogues import catalogue_of, rows_of
from tests.infra.platform.parts import Parts
from tests.infra.platform.paths import ROOT
from tests.infra.platform.postgres_tools import tools
from tests.infra.platform.waiting import DEADLINE_S

NAME, PASSWORD = "ward_nine", "nine"
MADE = {(each["kind"], each["metadata"]["name"]): each for each in (*archives.archives(), *postgres.clusters())}
ROLES = [f"{NAME}_{role}" for role in ("owner", "app", "api", "worker", "dump", "operator")]


def pod_of(job: str) -> dict[str, Any]:
    pod: dict[str, Any] = MADE["CronJob", job]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return pod


def as_ward(text: str) -> str:
    """Consent's roles and database under names that no other test has."""
    return text.replace(OPERATOR, f"{NAME}_operator").replace("consent", NAME)


@dataclass
class Pod:
    """What the two containers of a pod share, on this machine: its pipe, its archives, its keys and its connection."""

    folder: Path
    place: Any
    path: str = field(default_factory=lambda: os.pathsep.join((str(tools()), str(Path(sys.executable).parent))))

    @property
    def archive(self) -> Path:
        return self.folder / "archives" / "consent.dump.age"

    async def run(self, job: str, role: str) -> list[int]:
        """Runs the containers of the generated pod as processes. Returns their exit codes, PostgreSQL's first."""
        pipe = self.folder / f"pipe-{job}-{len(list(self.folder.iterdir()))}"
        pipe.mkdir()
        connection = self.folder / "pg_service.conf"
        connection.write_text(
            f"[database]\nhost={self.place.hostname}\nport={self.place.port}\ndbname={NAME}\n"
            f"user={NAME}_{role}\npassword={PASSWORD}\n"
        )
        own = {"PIPE": pipe, "ARCHIVES": self.archive.parent, "KEYS": self.folder / "keys", "PGSERVICEFILE": connection}
        started = [
            await asyncio.create_subprocess_exec(
                *(*container["command"], *container["args"]),
                cwd=ROOT,
                env={
                    "PATH": os.pathsep.join((self.path, os.environ["PATH"])),
                    **{each["name"]: str(own.get(each["name"], each["value"])) for each in container["env"]},
                },
            )
            for container in pod_of(job)["containers"]
        ]
        return list(await asyncio.wait_for(asyncio.gather(*(each.wait() for each in started)), DEADLINE_S))


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


class Ward:
    """A database of consent on the shared server, with the roles and the permissions of the generated cluster."""

    def __init__(self, superuser_dsn: str) -> None:
        self.superuser_dsn = superuser_dsn
        self.place = urlsplit(superuser_dsn)
        self.spec = MADE["Cluster", cluster_name("consent")]["spec"]

    def dsn(self, role: str) -> str:
        """The connection string of a role; empty: of the superuser."""
        if not role:
            return self.place._replace(path=f"/{NAME}").geturl()
        netloc = f"{NAME}_{role}:{PASSWORD}@{self.place.hostname}:{self.place.port}"
        return self.place._replace(netloc=netloc, path=f"/{NAME}").geturl()

    async def make(self) -> None:
        """Makes roles and database as the operator of PostgreSQL does, and migrates it."""
        await execute(self.superuser_dsn, f"create role {NAME}_owner login password '{PASSWORD}'")
        statements = [as_ward(each) for each in self.spec["bootstrap"]["initdb"]["postInitApplicationSQL"]]
        roles = [each for each in statements if each.startswith("create role")]
        await execute(self.superuser_dsn, *roles)
        await self.make_database()
        dump = as_ward(self.dump_role["name"])
        await execute(
            self.superuser_dsn,
            f"alter role {dump} login password '{PASSWORD}'",
            *(f"grant {role} to {dump}" for role in self.dump_role["inRoles"]),
        )
        folder = ROOT / "services" / "consent" / "migrations"
        await migrate(self.dsn("owner"), migrations_of("consent", folder), f"{NAME}_app")

    async def make_database(self) -> None:
        statements = [as_ward(each) for each in self.spec["bootstrap"]["initdb"]["postInitApplicationSQL"]]
        await execute(self.superuser_dsn, f"create database {NAME} owner {NAME}_owner")
        await execute(self.dsn(""), *(each for each in statements if not each.startswith("create role")))

    @property
    def dump_role(self) -> dict[str, Any]:
        [role] = [each for each in self.spec["managed"]["roles"] if each["name"] == "consent_dump"]
        return dict(role)

    async def drop(self) -> None:
        await execute(self.superuser_dsn, f"drop database if exists {NAME} with (force)")
        await execute(self.superuser_dsn, *(f"drop role if exists {role}" for role in ROLES))


@pytest_asyncio.fixture(name="ward")
async def make_ward(servers: Parts) -> AsyncIterator[Ward]:
    ward = Ward(servers.postgres_dsn)
    await ward.drop()
    await ward.make()
    fill = "select number, repeat(md5(number::text), 20) as text from generate_series(1, 2000) as number"
    await execute(ward.dsn("owner"), f"create table things as {fill}")
    yield ward
    await ward.drop()


@pytest.fixture(name="pod")
def make_pod(ward: Ward, tmp_path: Path) -> Pod:
    key = new_private_key()
    for name in ("archives", "keys"):
        (tmp_path / name).mkdir()
    (tmp_path / "keys" / "archives.key").write_text(f"{key}\n")
    (tmp_path / "keys" / "archives.pub").write_text(f"{key.to_public()}\n")
    return Pod(tmp_path, ward.place)


async def test_a_database_comes_back_from_the_archive_that_its_cron_job_made(ward: Ward, pod: Pod) -> None:
    assert await pod.run("consent-dump", "dump") == [0, 0]
    assert [file.name for file in pod.archive.parent.iterdir()] == [pod.archive.name]
    content = pod.archive.read_bytes()
    assert content.startswith(b"age-encryption.org/v1\n")
    assert b"PGDMP" not in content
    rows, catalogue = await rows_of(ward.dsn("")), await catalogue_of(ward.dsn(""))

    await execute(ward.superuser_dsn, f"drop database {NAME} with (force)")
    await ward.make_database()
    assert await pod.run("consent-restore", "owner") == [0, 0]
    assert await rows_of(ward.dsn("")) == rows
    assert await catalogue_of(ward.dsn("")) == catalogue
    restored_over_it, _ = await pod.run("consent-restore", "owner")
    assert restored_over_it == 1
    assert await rows_of(ward.dsn("")) == rows


@pytest.mark.parametrize("program", ["pg_dump", "python"])
async def test_an_archive_that_breaks_off_replaces_nothing(ward: Ward, pod: Pod, program: str) -> None:
    pod.archive.write_bytes(b"the last whole one")
    broken = pod.folder / "broken"
    broken.mkdir()
    (broken / program).write_text("#!/bin/sh\nprintf PGDMP\nexit 1\n")
    (broken / program).chmod(0o755)
    pod.path = os.pathsep.join((str(broken), pod.path))
    assert 1 in await pod.run("consent-dump", "dump")
    assert pod.archive.read_bytes() == b"the last whole one"


async def test_an_archive_that_is_cut_off_or_absent_restores_nothing_and_ends_both_containers(
    ward: Ward, pod: Pod
) -> None:
    assert await pod.run("consent-dump", "dump") == [0, 0]
    pod.archive.write_bytes(pod.archive.read_bytes()[:-70_000])
    await execute(ward.superuser_dsn, f"drop database {NAME} with (force)")
    await ward.make_database()
    assert await pod.run("consent-restore", "owner") == [1, 1]
    pod.archive.unlink()
    assert 0 not in await pod.run("consent-restore", "owner")
    assert await rows_of(ward.dsn("")) == {}


async def test_the_role_that_dumps_writes_nothing(ward: Ward) -> None:
    for statement in ("insert into things values (1)", "create table more (id integer)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(ward.dsn("dump"), statement)
    assert "things" in " ".join(await rows_of(ward.dsn("dump")))


@pytest.mark.parametrize("service", SERVICES)
def test_no_dump_is_stored_in_clear_text_and_who_makes_one_cannot_open_it(service: str) -> None:
    pod = pod_of(f"{service}-dump")
    volumes = {each["name"]: each for each in pod["volumes"]}
    database, cipher = pod["containers"]
    mounted = {each["name"] for each in database["volumeMounts"]}
    assert mounted == {"secrets", "pipe"}
    assert volumes["pipe"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}
    assert "secrets" not in {each["name"] for each in cipher["volumeMounts"]}
    assert f"'{archives.PRIVATE_KEY}'" not in str(pod)
    assert (database["image"], cipher["image"]) == (archives.POSTGRES_IMAGE, IMAGE)


@pytest.mark.parametrize("service", SERVICES)
def test_a_restore_starts_by_hand_alone_and_reads_the_archive_only(service: str) -> None:
    assert MADE["CronJob", f"{service}-restore"]["spec"]["suspend"] is True
    _, cipher = pod_of(f"{service}-restore")["containers"]
    [archive] = [each for each in cipher["volumeMounts"] if each["name"] == "archives"]
    assert archive["readOnly"] is True


@pytest.mark.parametrize("way", ["dump", "restore"])
@pytest.mark.parametrize("service", SERVICES)
def test_the_pods_of_archives_reach_what_a_migration_reaches(service: Any, way: str) -> None:
    [migration] = [each for each in policies_of(service) if each["metadata"]["name"] == f"{service}-migrate"]
    policy = MADE["NetworkPolicy", f"{service}-{way}"]["spec"]
    job = MADE["CronJob", f"{service}-{way}"]["spec"]["jobTemplate"]["spec"]["template"]
    selected = policy["podSelector"]["matchLabels"].items()
    assert selected <= job["metadata"]["labels"].items()
    assert (policy["ingress"], policy["egress"]) == ([], migration["spec"]["egress"])
