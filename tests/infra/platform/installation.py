"""Runs `dmp up` as a process, with the interface of a Stack, so that tests can kill and restart its supervisor."""

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import IO, Any

from deploy.local.platform import endpoints
from deploy.local.platform.errors import LocalError
from deploy.local.platform.kafka import Kafka
from deploy.local.platform.postgres import Postgres
from deploy.local.platform.probes import answers, listens
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import NAMES, Role
from deploy.local.platform.stack import Stack
from shared.messaging.topics.grants import ADMIN, OPS
from tests.infra.platform.waiting import eventually
from tests.infra.records.hospital import launch

ENDED_WITHIN_S = 60.0


class Installation(Stack):
    """An installation in a separate process; its process ids and ports are read from `endpoints.json`."""

    def __init__(self, folder: Path, terminal: Path) -> None:
        """Takes the file `terminal`, which receives the output of `dmp up`."""
        super().__init__(folder)
        self.terminal = terminal
        self._process: asyncio.subprocess.Process | None = None
        self._found: dict[str, Any] = {}

    async def start(self) -> None:
        """Starts `dmp up`; returns when all processes are up."""
        with self._open_terminal() as file:
            words = ("up", "--var", str(self.layout.folder))
            self._process = await launch("deploy.local", *words, stdin=asyncio.subprocess.DEVNULL, stderr=file)
        self._found = await eventually(self._read)
        ports, self.secrets = self._found["ports"], Secrets.load(self.layout.secrets)
        password = self.secrets.password("postgres/superuser")
        data = Path(self._found["folders"]["postgres"])
        self.postgres = Postgres(Path(), data, None, ports["postgres"], password)
        passwords = {user: self.secrets.password(f"kafka/{user}") for user in (ADMIN, OPS, *NAMES)}
        self.kafka = Kafka(Path(), self.layout.kafka, Path(), ports["kafka"], ports["kafka-controller"], passwords)

    async def end(self) -> None:
        """Ends the installation with SIGTERM."""
        if self.is_supervised:
            await self._signal(signal.SIGTERM)

    async def kill_supervisor(self) -> None:
        """Kills the supervisor with SIGKILL; its children die with it."""
        await self._signal(signal.SIGKILL)

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor that was started last still runs."""
        return self._process is not None and self._process.returncode is None

    def url(self, service: str, role: Role = "api") -> str:
        """Returns the base URL of a service's API, or of its worker's health and metrics."""
        return str(self._found["services"][service][role])

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of all running children by name, from endpoints.json."""
        processes: dict[str, dict[str, int | None]] = endpoints.read(self.layout)["processes"]
        return {name: pid for name, process in processes.items() if (pid := process["pid"]) is not None}

    def pid(self, name: str) -> int | None:
        """Returns the process id of a child, or None while it does not run."""
        return self.pids.get(name)

    async def unhealthy(self) -> list[str]:
        """Returns the names of the processes that do not answer now."""
        ports: dict[str, int] = self._found["ports"]
        names = [name for name in ports if name != "kafka-controller"]
        healthy = await asyncio.gather(*(_is_healthy(name, ports[name]) for name in names))
        return [name for name, is_healthy in zip(names, healthy, strict=True) if not is_healthy]

    async def _read(self) -> dict[str, Any] | None:
        assert self.is_supervised, f"dmp up has ended: {self.terminal.read_text()[-1000:]}"
        with contextlib.suppress(LocalError):
            return endpoints.read(self.layout)
        return None

    def _open_terminal(self) -> IO[bytes]:
        return self.terminal.open("ab")

    async def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        await asyncio.wait_for(self._process.wait(), ENDED_WITHIN_S)


async def _is_healthy(name: str, port: int) -> bool:
    return await (listens(port) if name in ("postgres", "kafka", "smtp") else answers(port, "/readyz"))
