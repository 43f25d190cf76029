"""Every query of a dashboard has an answer from a Prometheus that watches the running installation."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest
import yaml

from deploy.dashboards.boards import boards
from deploy.local.demo.client import Dmp
from deploy.local.platform.services import roles_of
from deploy.local.platform.stack import Stack
from shared.contracts.declarations import SERVICES
from tests.e2e.acting import free_port, set_scene
from tests.infra.platform.waiting import eventually

PROMETHEUS = shutil.which("prometheus")
INTERVAL_S = 1


def targets(stack: Stack) -> dict[str, int]:
    """Returns the port of each job: an API has its metrics on a port of its own."""
    jobs = [(service, role) for service in SERVICES for role in roles_of(service)]
    ports = {(service, "api"): stack.ports[f"{service}-metrics"] for service in SERVICES}
    return {
        f"dmp-{service}-{role}": ports.get((service, role)) or stack.ports[f"{service}-{role}"]
        for service, role in jobs
    }


@asynccontextmanager
async def prometheus(stack: Stack, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Runs a Prometheus that watches the installation."""
    configuration = {
        "global": {"scrape_interval": f"{INTERVAL_S}s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for job, port in targets(stack).items()
        ],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        *(str(PROMETHEUS), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address={address}",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def series_of(client: httpx2.AsyncClient, expression: str) -> int:
    """Returns the number of series that answer a query, none while Prometheus starts."""
    query = expression.replace("$__rate_interval", "1m")
    try:
        answer = await client.get("/api/v1/query", params={"query": query})
    except httpx2.TransportError:
        return 0
    return len(answer.json()["data"]["result"]) if answer.status_code == 200 else 0


@pytest.mark.long
@pytest.mark.skipif(PROMETHEUS is None, reason="Prometheus is absent; Debian's package prometheus has it")
async def test_every_query_returns_series_of_the_running_installation(stack: Stack, dmp: Dmp, tmp_path: Path) -> None:
    scene = await set_scene(stack, dmp)
    await scene.done(await scene.deposit())
    queries = sorted({query.expression for board in boards() for query in board.queries()})
    async with prometheus(stack, tmp_path) as client:

        async def empty() -> list[str]:
            return [query for query in queries if not await series_of(client, query)]

        async def look() -> bool:
            return not await empty()

        with suppress(AssertionError):
            await eventually(look, seconds=60)
        assert await empty() == []
