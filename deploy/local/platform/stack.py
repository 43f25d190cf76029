"""The whole installation, or parts of it, as one asynchronous context manager.

    async with Stack(folder) as stack:                          # everything, as `dmp up` does
        stack.url("records")                                    # http://127.0.0.1:8402
        stack.pid("records-worker")                             # its process id now
        await stack.kill("records-worker")                      # SIGKILL; it is restarted
        await stack.wait_ready("records-worker")
        await stack.kill("consent-worker", restart=False)       # ... or it stays down
        await stack.start_again("consent-worker")

    async with Stack(folder, parts={"postgres", "kafka"}) as stack:     # for tests: no topics, no databases
        stack.postgres.dsn()                                        # the superuser's; dsn("name") for a database
        stack.kafka.bootstrap, stack.kafka.credentials("admin")     # any service, "ops" or "admin"

Processes: `postgres`, `kafka`, `smtp`, `psc`, `<service>-api`, `<service>-worker` and `front`. Ports: the usual ones,
else free ones. `environment` is added to the environment of every service. `deploy.local.platform.topics` makes topics
and permissions on a bare broker.

Children die with the process, and with the thread, that started them.
"""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Coroutine, Mapping, Set
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from deploy.local.platform import endpoints, topics
from deploy.local.platform.child import ChildSpec, run_in_thread
from deploy.local.platform.databases import app_dsn, create_databases, owner_dsn, unsent_topics
from deploy.local.platform.errors import LocalError
from deploy.local.platform.front import front_spec, front_url
from deploy.local.platform.gateway import prepare_gateway
from deploy.local.platform.kafka import Kafka, prepare_kafka
from deploy.local.platform.lock import hold_lock
from deploy.local.platform.paths import Layout, default_folder
from deploy.local.platform.ports import HOST, Ports
from deploy.local.platform.postgres import Postgres, prepare_postgres
from deploy.local.platform.provider import psc_spec, write_psc
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import NAMES, Role, Services, roles_of
from deploy.local.platform.smtp import smtp_spec
from deploy.local.platform.supervisor import Progress, Report, Supervisor, run_once, run_together
from shared.contracts.declarations import OUTSIDE_WRITERS
from shared.contracts.topics import TOPICS
from shared.messaging.topics.grants import ADMIN, OPS

Part = Literal["postgres", "kafka", "smtp", "services"]
EVERYTHING: frozenset[Part] = frozenset({"postgres", "kafka", "smtp", "services"})
_DISK_NEEDED = 300 * 1024 * 1024


def ignore_progress(_progress: Progress) -> None:
    """Ignores the report."""


class Stack:
    """The parts of an installation under one supervisor, with their data in one folder."""

    postgres: Postgres
    kafka: Kafka
    services: Services
    replication = topics.ONE_BROKER

    def __init__(
        self,
        folder: Path | None = None,
        *,
        parts: Set[Part] = EVERYTHING,
        environment: Mapping[str, str] | None = None,
        report: Report = ignore_progress,
    ) -> None:
        self.layout = Layout((folder or default_folder()).absolute())
        self.parts = EVERYTHING if "services" in parts else frozenset(parts)
        self.ports = Ports()
        self.secrets = Secrets(self.layout.secrets / "secrets.json")
        self.supervisor = Supervisor(self._on_progress)
        self._environment = environment or {}
        self._report = report
        self._resources = contextlib.ExitStack()
        self._endpoints_file = endpoints.EndpointsKeeper(self.layout, self._endpoints, self._report)
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.layout.create()
        self._resources.enter_context(hold_lock(self.layout.lock))
        try:
            endpoints.remove(self.layout)  # the file of a killed supervisor, whose processes are gone
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def url(self, service: str, role: Role = "api") -> str:
        """Returns the base URL of a service's API, or of its worker's health and metrics."""
        return self.services.url(service, role)

    def pid(self, name: str) -> int | None:
        """Returns the process id of a child, or None while it does not run."""
        return self.supervisor.managed[name].child.pid

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of all running children, by name."""
        pids = {name: managed.child.pid for name, managed in self.supervisor.managed.items()}
        return {name: pid for name, pid in pids.items() if pid is not None}

    def restarts(self, name: str) -> int:
        """Returns how often a child was restarted after it died."""
        return self.supervisor.managed[name].restarts

    async def kill(self, name: str, *, restart: bool = True) -> int:
        """Kills one child with SIGKILL. Returns its process id; by default the child is restarted at once."""
        return await self.supervisor.kill(name, restart=restart)

    async def stop(self, name: str) -> None:
        """Ends one child cleanly; it stays down until `start_again`."""
        await self.supervisor.stop(name)

    async def start_again(self, name: str) -> None:
        """Starts a stopped child; returns when it is healthy."""
        await self.supervisor.start_again(name)

    async def wait_ready(self, name: str, timeout: float = 180) -> None:
        """Returns when a child is healthy (again). Raises TimeoutError after `timeout` seconds."""
        await self.supervisor.wait_ready(name, timeout)

    async def _start(self) -> None:
        self._check_disk()
        self.secrets = Secrets.load(self.layout.secrets)
        self._resources.enter_context(self.ports)
        self.ports.claim(self._port_names(), self.layout.ports)
        specs = await asyncio.to_thread(self._prepare)
        self.secrets.save()
        await self.supervisor.start(*specs)
        if "services" in self.parts:
            await self._start_services()
        endpoints.write(self.layout, self._endpoints())
        self._keeper = asyncio.create_task(self._endpoints_file.run())

    async def _stop(self) -> None:
        try:
            await self.supervisor.stop_all()
        finally:
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.wait({self._keeper})
            with self._resources, contextlib.suppress(OSError):
                endpoints.remove(self.layout)

    def _prepare(self) -> list[ChildSpec]:
        """Prepares binaries, jars and passwords. Returns the specifications of the first processes."""
        specs = []
        if "postgres" in self.parts:
            self.postgres = prepare_postgres(self.layout, self.secrets, self.ports["postgres"])
            specs.append(self.postgres.spec(self.layout.log("postgres")))
        if "kafka" in self.parts:
            ports = (self.ports["kafka"], self.ports["kafka-controller"])
            self.kafka = prepare_kafka(self.layout, self.secrets, ports, (*NAMES, *OUTSIDE_WRITERS))
            specs.append(self.kafka.spec(self.layout.log("kafka")))
        if "smtp" in self.parts:
            specs.append(smtp_spec(self.layout, self.ports["smtp"]))
        if "services" in self.parts:
            prepare_gateway(self.layout)
        return specs

    async def _start_services(self) -> None:
        self.services = self._make_services()
        await run_together(
            self._step("databases", create_databases(self.postgres, self.secrets, NAMES)),
            self._step("topics", self._create_topics()),
        )
        write_psc(self.layout, self.secrets, self.url("identity"), front_url(self.ports))
        specs = [psc_spec(self.layout, self.ports["psc"]), *self.services.all()]
        self.secrets.save()
        await self._step("migrations", run_together(*(run_once(self.services.migrate(name)) for name in NAMES)))
        await self.supervisor.start(*specs, front_spec(self.layout, self.ports, self.services.url))

    def _make_services(self) -> Services:
        """Returns the services' processes; a test of the image runs them in containers."""
        return Services(self.layout, self.postgres, self.kafka, self.ports, self.secrets, self._environment)

    async def _step(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        started = time.monotonic()
        await work
        self._report(Progress(name, "ready", time.monotonic() - started))

    async def _create_topics(self) -> None:
        admin, bootstrap = self.kafka.credentials(ADMIN), self.kafka.bootstrap
        retired = [topic.name for topic in TOPICS if topic.former_writers]
        unsent = {(name, topic) for name in NAMES for topic in await unsent_topics(self.postgres, name, retired)}
        await run_in_thread(lambda: topics.make_users(bootstrap, admin, self.kafka.passwords))
        await run_in_thread(lambda: topics.make_topics(bootstrap, admin, unsent, self.replication))

    def _port_names(self) -> list[str]:
        names: dict[Part, list[str]] = {
            "postgres": ["postgres"],
            "kafka": ["kafka", "kafka-controller"],
            "smtp": ["smtp"],
            "services": [
                "front",
                "psc",
                "mllp",
                *(f"{name}-{role}" for name in NAMES for role in (*roles_of(name), "metrics")),
            ],
        }
        return [name for part in self.parts for name in names[part]]

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self.layout.folder).free
        if free < _DISK_NEEDED:
            raise LocalError(f"the disk is full ({free // 2**20} MB free in {self.layout.folder}): free about 1 GB")

    def _on_progress(self, progress: Progress) -> None:
        if progress.state != "stopped":
            self._endpoints_file.note_change()
        self._report(progress)

    def _processes(self) -> dict[str, Any]:
        return {
            name: {"pid": managed.child.pid, "since": managed.since, "restarts": managed.restarts}
            for name, managed in self.supervisor.managed.items()
        }

    def _endpoints(self) -> dict[str, Any]:
        layout = self.layout
        content: dict[str, Any] = {
            "pid": os.getpid(),
            "folders": {
                "run": str(layout.folder),
                "logs": str(layout.logs),
                "mail": str(layout.mail),
                "sms": str(layout.sms),
                "letters": str(layout.letters),
            },
            "processes": self._processes(),
            "ports": self.ports.by_name,
        }
        if "postgres" in self.parts:
            content["folders"]["postgres"] = str(self.postgres.data)
            content["postgres"] = {"superuser": self.postgres.dsn()}
        if "kafka" in self.parts:
            content["folders"]["kafka"] = str(layout.kafka)
            users = {user: self.kafka.credentials(user).password for user in (ADMIN, OPS)}
            content["kafka"] = {"bootstrap": self.kafka.bootstrap, "passwords": users}
        if "smtp" in self.parts:
            content["smtp"] = {"host": HOST, "port": self.ports["smtp"]}
        if "services" in self.parts:
            content["pro_sante_connect"] = {"issuer": f"http://{HOST}:{self.ports['psc']}"}
            content["pages"] = front_url(self.ports)
            content["mllp"] = {"host": HOST, "port": self.ports["mllp"]}
            content["services"] = {
                name: {
                    "api": self.url(name),
                    "worker": self.url(name, "worker"),
                    "app_dsn": app_dsn(self.postgres, self.secrets, name),
                    "owner_dsn": owner_dsn(self.postgres, self.secrets, name),
                }
                for name in NAMES
            }
        return content
