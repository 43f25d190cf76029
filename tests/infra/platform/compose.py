"""An installation of `deploy/compose.yaml` under podman, by podman-compose, as docs/deploying.md starts it."""

import json
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from deploy.cluster.programs import python_programs
from deploy.image.engine import Engine, EngineError, environment

ROOT: Final = Path(__file__).parents[3]
FILE: Final = ROOT / "deploy" / "compose.yaml"
LOCK: Final = Path(__file__).with_name("compose.lock")
"""podman-compose, in an environment of its own."""
USER: Final = 10001


@dataclass(frozen=True)
class Compose:
    """A project: its name, and the file with its settings."""

    engine: Engine
    project: str
    settings: Path

    def run(self, *words: str) -> str:
        """Runs podman-compose and returns what it prints. Raises EngineError."""
        program = python_programs(LOCK) / "podman-compose"
        command = [str(program), "-p", self.project, "--env-file", str(self.settings), "-f", str(FILE), *words]
        variables = {**environment(), "PATH": f"{Path(self.engine.program).parent}:{os.environ['PATH']}"}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            raise EngineError(f"podman-compose {words[0]}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def container(self, service: str) -> str:
        """Returns the name of a service's container."""
        return f"{self.project}_{service}_1"

    def published(self, service: str) -> list[str]:
        """Returns the ports of a container that this machine publishes."""
        return self.engine.run("port", self.container(service)).split()

    def is_healthy(self, service: str) -> bool:
        """Asks a container whether it is ready, once."""
        try:
            self.engine.run("healthcheck", "run", self.container(service))
        except EngineError:
            return False
        return True

    def ended_jobs(self) -> dict[str, int]:
        """Returns the exit codes of the containers that have ended, by service."""
        listed = json.loads(self.engine.run("ps", "--all", "--format=json", f"--filter=name={self.project}_"))
        prefix, ended = f"{self.project}_", [each for each in listed if each["State"] == "exited"]
        return {each["Names"][0].removeprefix(prefix).rpartition("_")[0]: each["ExitCode"] for each in ended}

    def network(self) -> str:
        """Makes the network of the containers and returns the address of this machine in it."""
        name = f"{self.project}_inside"
        self.engine.run("network", "create", name)
        [described] = json.loads(self.engine.run("network", "inspect", name))
        return str(described["subnets"][0]["gateway"])


def write_settings(file: Path, values: Mapping[str, str]) -> None:
    """Writes the file that `--env-file` names."""
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), "utf-8")


def give(*files: Path) -> None:
    """Gives files to the user of the images."""
    for file in files:
        os.chown(file, USER, USER)
        file.chmod(0o400)


@asynccontextmanager
async def client_by_name(authorities: Path, names: Sequence[str]) -> AsyncIterator[httpx2.AsyncClient]:
    """Yields a client for which these names are this machine: it verifies them, as callers do."""
    context = ssl.create_default_context(cafile=authorities)
    transport = _Here(httpx2.AsyncHTTPTransport(verify=context), frozenset(names))
    async with httpx2.AsyncClient(transport=transport, timeout=60) as client:
        yield client


class _Here(httpx2.AsyncBaseTransport):
    def __init__(self, transport: httpx2.AsyncHTTPTransport, names: frozenset[str]) -> None:
        self._transport, self._names = transport, names

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host in self._names:
            request.extensions["sni_hostname"] = request.url.host
            request.url = request.url.copy_with(host="127.0.0.1")
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()
