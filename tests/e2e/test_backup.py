"""The commands of docs/backup.md as they stand there: five databases are copied and put back, with `recover` last."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio

from deploy.local.demo.client import Dmp, RefusedError, Session, connect
from deploy.local.demo.credentials import ADMINISTRATOR, DOCTOR, PROFESSIONALS, session_of
from deploy.local.demo.script import play
from deploy.local.demo.story import Story
from deploy.local.platform import endpoints
from deploy.local.platform.databases import owner_dsn
from deploy.local.platform.services import NAMES, roles_of
from deploy.local.platform.stack import Stack
from tests.e2e.acting import Scene, set_scene
from tests.infra.erasure.erasing import KEPT_HERE, tables_with
from tests.infra.platform.catalogues import catalogue_of, rows_of
from tests.infra.platform.databases import Database
from tests.infra.platform.paths import ROOT
from tests.infra.platform.waiting import DEADLINE_S, eventually

pytestmark = pytest.mark.long

PAGE = (ROOT / "docs" / "backup.md").read_text("utf-8")
STEPS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
NEW_KEY, BACK_UP, REHEARSE, PUT_BESIDE, SWAP, CHECK, RECOVER, DROP = STEPS
AT_WORK = "outbox_recovery_needed 0.0"
KEPT_OF_ERASED = KEPT_HERE | {"erasures", "suppressed_fingerprints", "lost_documents", "schema_migrations"}


@dataclass
class Operator:
    """Who runs the page's commands on a stack, with the files and the variables that the page asks for."""

    stack: Stack
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Writes the service file of the page, and sets the environment of all services' commands."""
        backups, connections = self.folder / "backups", self.folder / "pg_service.conf"
        backups.mkdir()
        connections.touch(0o600)
        dsns = {"admin": self.stack.postgres.dsn()}
        dsns |= {f"{name}-owner": owner_dsn(self.stack.postgres, self.stack.secrets, name) for name in NAMES}
        connections.write_text("".join(_entry(name, dsn) for name, dsn in dsns.items()))
        for name in NAMES:
            self.environment |= self.stack.services.migrate(name).environment
        programs = (str(self.stack.postgres.binaries), str(Path(sys.executable).parent), os.environ["PATH"])
        self.environment |= {
            "PATH": os.pathsep.join(programs),
            "PGSERVICEFILE": str(connections),
            "BACKUPS": str(backups),
            "ARCHIVE_KEY": str(self.folder / "archives.key"),
            "ARCHIVE_RECIPIENTS": str(self.folder / "archives.pub"),
        }

    async def run(self, step: str, **variables: str) -> str:
        """Runs a block of the page as a script. Returns its output; fails at the first command that fails."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", step),
            cwd=ROOT,
            env={**self.environment, **variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        assert process.returncode == 0, f"{step}\n{errors.decode()[-2000:]}{output.decode()[-1000:]}"
        return output.decode()

    async def restore(self, service: str, catalogue: Mapping[str, Any], rows: Mapping[str, Any]) -> str:
        """Follows the page for one service, and compares what came back. Returns what `recover` printed."""
        for process in roles_of(service):
            await self.stack.stop(f"{service}-{process}")
        await self.run(PUT_BESIDE, service=service)
        assert await rows_of(self.stack.postgres.dsn(f"{service}_restored")) == rows
        await self.run(SWAP, service=service)
        restored = await catalogue_of(self.stack.postgres.dsn(service))
        assert {name for name in catalogue if restored[name] != catalogue[name]} == set()
        await self.run(CHECK, service=service)
        if service == "identity":
            recovered = await self.run(RECOVER, service=service)
            await self.start(service)
        else:
            await self.start(service)
            recovered = await self.run(RECOVER, service=service)
        await eventually(lambda: self._is_at_work(service))
        await self.run(DROP, service=service)
        return recovered

    async def start(self, service: str) -> None:
        """Starts the processes of a service again."""
        for process in roles_of(service):
            await self.stack.start_again(f"{service}-{process}")

    async def _is_at_work(self, service: str) -> bool:
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            return AT_WORK in (await client.get(f"{self.stack.url(service, 'worker')}/metrics")).text


def _entry(name: str, dsn: str) -> str:
    place = urlsplit(dsn)
    fields = {
        "host": place.hostname,
        "port": place.port,
        "dbname": place.path.removeprefix("/"),
        "user": place.username,
        "password": place.password,
    }
    return f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in fields.items())


@pytest_asyncio.fixture(scope="module")
async def operator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operator]:
    """A stack of this file's own, on which the demonstration has been played, so that all kinds of rows are there."""
    folder = tmp_path_factory.mktemp("backup")
    folder.chmod(0o711)
    async with Stack(folder / "var") as stack:
        await play(Story(stack.layout, tell=lambda _: None, deadline_s=DEADLINE_S))
        made = Operator(stack, folder)
        made.prepare()
        yield made


@pytest_asyncio.fixture(scope="module")
async def dmp(operator: Operator) -> AsyncIterator[Dmp]:
    async with connect(endpoints.read(operator.stack.layout)) as connected:
        yield connected


async def test_all_databases_come_back_whole_and_what_was_decided_since_the_backup_stays_decided(
    operator: Operator, dmp: Dmp
) -> None:
    stack = operator.stack
    ended, doomed = await set_scene(stack, dmp), await set_scene(stack, dmp)
    document = (await ended.done(await ended.deposit()))["document_id"]
    await doomed.done(await doomed.deposit())
    await _authorise(ended, "PUT")
    assert await _read(ended, document) == 200

    for process in ("worker", "api"):  # nothing changes while the copies are taken, so that they can be compared
        await asyncio.gather(*(stack.stop(f"{name}-{process}") for name in NAMES))
    await operator.run(NEW_KEY)
    await operator.run(BACK_UP)
    _check_archives(operator.folder / "backups")
    catalogues = {name: await catalogue_of(stack.postgres.dsn(name)) for name in NAMES}
    rows = {name: await rows_of(stack.postgres.dsn(name)) for name in NAMES}
    assert {name for name in NAMES if sum(count for count, _ in rows[name].values()) < 50} == set()
    for process in ("api", "worker"):
        await asyncio.gather(*(stack.start_again(f"{name}-{process}") for name in NAMES))
    await operator.run(REHEARSE)

    await _authorise(ended, "DELETE")
    erasure = await _erase(doomed)
    recovered = {}
    for name in NAMES:
        recovered[name] = await operator.restore(name, catalogues[name], rows[name])
        await eventually(lambda: _is_acknowledged(doomed, erasure))  # the others had answered before the restore

    assert ended.record_id in recovered["consent"]
    assert await eventually(lambda: _refused(ended, document))
    await eventually(lambda: _is_gone(stack, UUID(doomed.record_id)))
    tracked = await eventually(lambda: _deposits(ended))
    assert tracked["published_at"] is not None


def _check_archives(backups: Path) -> None:
    """Each archive is encrypted, and nothing else was left in the folder."""
    files = sorted(backups.iterdir())
    assert [file.name for file in files] == sorted(f"{name}.dump.age" for name in NAMES)
    for file in files:
        content = file.read_bytes()
        assert content.startswith(b"age-encryption.org/v1\n")
        assert b"PGDMP" not in content


async def _authorise(scene: Scene, method: str) -> None:
    """The patient authorises the doctor, or ends it, and waits until that is in force."""
    path = f"/records/{scene.record_id}/authorisations/{PROFESSIONALS[DOCTOR].id}"

    async def in_force() -> bool:
        answer = await scene.holder.call(method, "consent", path, headers={"prefer": "wait=10"})
        return answer.status_code == 200

    await eventually(in_force)


async def _read(scene: Scene, document: str) -> int:
    doctor = session_of(scene.dmp, endpoints.read(scene.stack.layout)["credentials"], DOCTOR)
    try:
        return (await doctor.call("GET", "records", f"/fhir/Binary/{document}")).status_code
    except RefusedError as error:
        return error.status


async def _refused(scene: Scene, document: str) -> bool:
    """Whether the read is refused for good. Nothing else than a refusal may be answered before."""
    status = await _read(scene, document)
    assert status in (401, 404, 503), status
    return status == 404


async def _erase(scene: Scene) -> str:
    """Erases the record, and waits until each service has acknowledged. Returns the path of the erasure."""
    decision = {"reason": "gdpr-decision"}
    path = f"/records/{scene.record_id}/erase"
    answer = await _administrator(scene).call("POST", "identity", path, json=decision)
    erasure = str(answer.headers["location"])
    await eventually(lambda: _is_gone(scene.stack, UUID(scene.record_id)))
    await eventually(lambda: _is_acknowledged(scene, erasure))
    return erasure


async def _is_acknowledged(scene: Scene, erasure: str) -> bool:
    """Whether every service has acknowledged the erasure, as its receipt says."""
    answer = await _administrator(scene).call("GET", "identity", erasure)
    return answer.json()["completed_at"] is not None


def _administrator(scene: Scene) -> Session:
    return session_of(scene.dmp, endpoints.read(scene.stack.layout)["credentials"], ADMINISTRATOR)


async def _is_gone(stack: Stack, record_id: UUID) -> bool:
    """Whether no service holds anything of the record."""
    for name in NAMES:
        dsn = owner_dsn(stack.postgres, stack.secrets, name)
        if await tables_with(Database(name, name, dsn, dsn), [record_id], besides=KEPT_OF_ERASED):
            return False
    return True


async def _deposits(scene: Scene) -> dict[str, Any] | None:
    """A new deposit passes through all five services to its end."""
    try:
        return await scene.done(await scene.deposit())
    except RefusedError as error:
        if error.status not in (401, 503):
            raise
        return None
