"""Faults of a running installation that a Prometheus watches: each is made, and mended at the end of the block."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.demo.client import Dmp, RefusedError
from deploy.local.demo.credentials import ADMINISTRATOR, DOCTOR, PROFESSIONALS, session_of
from deploy.local.platform import endpoints
from deploy.local.platform.ports import HOST
from deploy.local.platform.stack import Stack
from tests.chaos import faults, restoring
from tests.e2e.acting import Scene, set_scene
from tests.e2e.command_line import run_command
from tests.infra.deploy.prometheus import Prometheus
from tests.infra.platform.waiting import eventually

ERASURE_S: Final = 20
"""The seconds within which a service of the rehearsal must acknowledge an erasure."""
ENVIRONMENT: Final = {"IDENTITY_RETENTION__ACKNOWLEDGEMENT_S": str(ERASURE_S)}
CLOCK_AHEAD_S: Final = 55
"""Less than a minute: heartbeats further ahead are dropped."""
FAKETIME: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
READERS: Final = 8
SHUTDOWN_S: Final = 60.0
"""A busy machine needs seconds for the last checkpoint; a server that is killed before it holds its shared memory."""
INVITING: Final = 5
LATE_STEP_S, LATE_REVOCATION_S = 11.0, 6.0


@dataclass(frozen=True)
class Installation:
    """A running installation, the client of its demonstration, and the Prometheus that watches it."""

    stack: Stack
    dmp: Dmp
    watching: Prometheus
    folder: Path

    async def scene(self) -> Scene:
        """Opens a record with a published document."""
        scene = await set_scene(self.stack, self.dmp)
        await scene.done(await scene.deposit())
        return scene


@asynccontextmanager
async def without(installation: Installation, process: str) -> AsyncIterator[None]:
    """Stops a process for the duration of the block."""
    await installation.stack.stop(process)
    try:
        yield
    finally:
        await installation.stack.start_again(process)


@asynccontextmanager
async def worker_killed(installation: Installation) -> AsyncIterator[None]:
    """Kills a worker that nobody starts again."""
    await installation.stack.kill("audit-worker", restart=False)
    try:
        yield
    finally:
        await installation.stack.start_again("audit-worker")


@asynccontextmanager
async def job_forgotten(installation: Installation) -> AsyncIterator[None]:
    """Takes a process out of the configuration of Prometheus."""
    installation.watching.watch(without=["dmp-notify-worker"])
    try:
        yield
    finally:
        installation.watching.watch()


@asynccontextmanager
async def database_frozen(installation: Installation) -> AsyncIterator[None]:
    """Freezes PostgreSQL while callers read."""
    scene = await set_scene(installation.stack, installation.dmp)
    document = (await scene.done(await scene.deposit()))["document_id"]
    token = await installation.dmp.professional(PROFESSIONALS[DOCTOR].id).token()
    over = asyncio.Event()
    url = f"{installation.stack.url('records')}/fhir/Binary/{document}"

    async def read(client: httpx2.AsyncClient) -> None:
        while not over.is_set():
            with suppress(httpx2.TransportError):
                await client.get(url)

    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as client,
        faults.frozen(installation.stack, "postgres"),
        asyncio.TaskGroup() as group,
    ):
        for _ in range(READERS):
            group.create_task(read(client))
        try:
            yield
        finally:
            over.set()


@asynccontextmanager
async def broker_stopped(installation: Installation) -> AsyncIterator[None]:
    """Stops Kafka while a hospital deposits."""
    scene = await installation.scene()
    async with without(installation, "kafka"):
        place = await scene.deposit()
        yield
    await scene.done(place)


@asynccontextmanager
async def checks_late(installation: Installation) -> AsyncIterator[None]:
    """Lets a deposit wait for its check, because nobody checks."""
    scene = await installation.scene()
    async with without(installation, "consent-worker"):
        place = await scene.deposit()
        await _outlast(LATE_STEP_S)
    yield
    await scene.done(place)


@asynccontextmanager
async def revocation_late(installation: Installation) -> AsyncIterator[None]:
    """Lets a change of rights wait, because records does not read it."""
    scene = await installation.scene()
    authorisation = f"/records/{scene.record_id}/authorisations/{PROFESSIONALS[DOCTOR].id}"
    await scene.holder.call("PUT", "consent", authorisation, headers={"prefer": "wait=10"})
    async with without(installation, "records-worker"):
        await scene.holder.call("DELETE", "consent", authorisation)
        await _outlast(LATE_REVOCATION_S)
    yield


@asynccontextmanager
async def erasure_unacknowledged(installation: Installation) -> AsyncIterator[None]:
    """Erases a record while one service is away."""
    scene = await installation.scene()
    credentials = endpoints.read(installation.stack.layout)["credentials"]
    administrator = session_of(installation.dmp, credentials, ADMINISTRATOR)
    async with without(installation, "notify-worker"):
        await administrator.call(
            "POST", "identity", f"/records/{scene.record_id}/erase", json={"reason": "gdpr-decision"}
        )
        yield


@asynccontextmanager
async def codes_refused(installation: Installation) -> AsyncIterator[None]:
    """Lets the mail server refuse every recipient while patients invite carers, once a second."""
    scenes = [await installation.scene() for _ in range(INVITING)]
    server = Controller(_Refusing(), hostname=HOST, port=installation.stack.ports["smtp"])
    async with without(installation, "smtp"):
        server.start()
        inviting = asyncio.create_task(_invite(scenes))
        try:
            yield
        finally:
            inviting.cancel()
            await asyncio.wait({inviting})
            server.stop()


async def _invite(scenes: Sequence[Scene]) -> None:
    """Invites carers by mail until it is cancelled; a record accepts a few invitations only."""
    for number, scene in enumerate(cycle(scenes)):
        body = {"mail": f"carer.{number}@patient.example", "language": "fr"}
        with suppress(RefusedError):
            await scene.holder.call("POST", "identity", f"/records/{scene.record_id}/invitations", json=body)
        await _outlast(1)


class _Refusing:
    """A mail server's answers when it refuses every recipient for ever."""

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        return "550 5.7.1 refused"


@asynccontextmanager
async def clock_ahead(installation: Installation) -> AsyncIterator[None]:
    """Runs PostgreSQL with a clock that is ahead, and again with the right one: watermarks lie in the future."""
    stack = installation.stack
    child = stack.supervisor.managed["postgres"].child
    right = replace(child.spec, grace=SHUTDOWN_S)
    child.spec = right
    ahead = ("/usr/bin/env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME=+{CLOCK_AHEAD_S}s", "DONT_FAKE_MONOTONIC=1")
    try:
        await stack.stop("postgres")
        child.spec = replace(right, command=(*ahead, *right.command))
        await stack.start_again("postgres")
        await eventually(lambda: _are_ahead(stack))
    finally:
        await stack.stop("postgres")
        child.spec = right
        await stack.start_again("postgres")
    yield


async def _are_ahead(stack: Stack) -> bool:
    [row] = await rows_of(stack, "records", "select min(at) as at from copy_watermarks")
    return row["at"] is not None and bool(row["at"] > datetime.now(UTC) + timedelta(seconds=CLOCK_AHEAD_S - 10))


@asynccontextmanager
async def commits_lost(installation: Installation) -> AsyncIterator[None]:
    """Puts back an older copy of records' database, then recovers it like an operator."""
    await _lose_commits(installation)
    try:
        yield
    finally:
        await _recover(installation)


@asynccontextmanager
async def documents_lost(installation: Installation) -> AsyncIterator[None]:
    """Recovers records' database, which finds accepted documents that went with the lost commits."""
    await _lose_commits(installation)
    await eventually(lambda: _needs_recovery(installation))
    await _recover(installation)
    yield


async def _lose_commits(installation: Installation) -> None:
    stack, copy = installation.stack, installation.folder / "records.dump"
    scene = await installation.scene()
    await restoring.take_copy(stack, "records", copy)
    await scene.done(await scene.deposit())
    await restoring.put_back(stack, "records", copy)


async def _needs_recovery(installation: Installation) -> bool:
    return bool(await installation.watching.query('outbox_recovery_needed{job="dmp-records-worker"} == 1'))


async def _recover(installation: Installation) -> None:
    done = await run_command(installation.stack, "recover", "records", "--json")
    assert done.exit_code == 0, done.stderr


async def _outlast(seconds: float) -> None:
    """Returns once a limit of that many seconds is exceeded."""
    moment = asyncio.get_running_loop().time() + seconds

    async def is_exceeded() -> bool:
        return asyncio.get_running_loop().time() > moment

    await eventually(is_exceeded)


async def rows_of(stack: Stack, service: str, query: str) -> list[Any]:
    """Returns the rows of a query on a service's database, as the superuser."""
    connection = await asyncpg.connect(stack.postgres.dsn(service))
    try:
        rows: list[Any] = await connection.fetch(query)
        return rows
    finally:
        await connection.close()
