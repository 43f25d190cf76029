"""A real Prometheus that watches a running installation."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from deploy.local.platform.services import roles_of
from deploy.local.platform.stack import Stack
from shared.contracts.declarations import SERVICES
from tests.e2e.acting import free_port
from tests.infra.platform.waiting import eventually

PROMETHEUS: Final = shutil.which("prometheus")
RULES: Final = Path(__file__).parents[3] / "deploy" / "alerts"
INTERVAL_S: Final = 1
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WINDOW: Final = re.compile(r"\[(\d+)([smhd])\]")
_OFFSET: Final = re.compile(r"\boffset (\d+)([smhd])\b")


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus, and the file from which it takes its targets."""

    client: httpx2.AsyncClient
    targets: Path
    jobs: Mapping[str, int]

    def watch(self, without: Collection[str] = ()) -> None:
        """Watches all processes but those of some jobs."""
        groups = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"job": job}}
            for job, port in self.jobs.items()
            if job not in without
        ]
        draft = self.targets.with_suffix(".draft")
        draft.write_text(json.dumps(groups))
        draft.rename(self.targets)

    async def query(self, expression: str) -> list[dict[str, Any]] | None:
        """Returns the series that answer a query. None: Prometheus does not answer, or refuses the query."""
        with suppress(httpx2.TransportError):
            answer = await self.client.get("/api/v1/query", params={"query": expression})
            if answer.status_code == 200:
                series: list[dict[str, Any]] = answer.json()["data"]["result"]
                return series
        return None

    async def firing(self) -> list[dict[str, str]]:
        """Returns the labels of the alerts that fire now."""
        answer = await self.client.get("/api/v1/alerts")
        return [alert["labels"] for alert in answer.json()["data"]["alerts"] if alert["state"] == "firing"]


@asynccontextmanager
async def prometheus(stack: Stack, folder: Path, rules: Sequence[Path] = ()) -> AsyncIterator[Prometheus]:
    """Runs a Prometheus that watches the installation, and evaluates the files of rules every second."""
    file, targets = folder / "prometheus.yml", folder / "targets.json"
    discovery = {"files": [str(targets)]}
    configuration = {
        "global": {"scrape_interval": f"{INTERVAL_S}s", "evaluation_interval": f"{INTERVAL_S}s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [{"job_name": "dmp", "file_sd_configs": [discovery]}],
    }
    file.write_text(yaml.safe_dump(configuration))
    address = f"127.0.0.1:{free_port()}"
    async with httpx2.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        running = Prometheus(client, targets, jobs_of(stack))
        running.watch()
        process = await asyncio.create_subprocess_exec(
            *(str(PROMETHEUS), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"),
            f"--web.listen-address={address}",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            await eventually(lambda: _watches_all(running, process))
            yield running
        finally:
            process.terminate()
            await process.wait()


async def _watches_all(running: Prometheus, process: asyncio.subprocess.Process) -> bool:
    assert process.returncode is None, "Prometheus has ended"
    return len(await running.query("up") or ()) == len(running.jobs)


def jobs_of(stack: Stack) -> dict[str, int]:
    """Returns the port of each job: an API has its metrics on a port of its own."""
    jobs = [(service, role) for service in SERVICES for role in roles_of(service)]
    ports = {(service, "api"): stack.ports[f"{service}-metrics"] for service in SERVICES}
    return {
        f"dmp-{service}-{role}": ports.get((service, role)) or stack.ports[f"{service}-{role}"]
        for service, role in jobs
    }


def shortened_rules(folder: Path, factor: int) -> list[Path]:
    """Writes the rules of `deploy/alerts` into the folder, with all durations divided by the factor.

    The durations are `for`, the windows of ranges and the offsets, at least a second each, and a window of rates at
    least three scrapes. Everything else of the expressions, thresholds above all, stays.
    """
    files = []
    for path in sorted(RULES.glob("*.yaml")):
        content = yaml.safe_load(path.read_text("utf-8"))
        for rule in (rule for group in content["groups"] for rule in group["rules"]):
            rule["expr"] = shortened(rule["expr"], factor)
            if "for" in rule:
                rule["for"] = f"{_seconds(rule['for'][:-1], rule['for'][-1], factor, least=1)}s"
        files.append(folder / path.name)
        files[-1].write_text(yaml.safe_dump(content))
    return files


def shortened(expression: str, factor: int) -> str:
    """Returns an expression with its windows and offsets divided by the factor."""
    least = 3 * INTERVAL_S
    windows = _WINDOW.sub(lambda match: f"[{_seconds(match[1], match[2], factor, least)}s]", expression)
    return _OFFSET.sub(lambda match: f"offset {_seconds(match[1], match[2], factor, least)}s", windows)


def _seconds(number: str, unit: str, factor: int, least: int) -> int:
    return max(least, int(number) * _UNITS[unit] // factor)
