"""A test cluster as one asynchronous context manager.

    async with Cluster(folder) as cluster:
        await cluster.kubectl("apply", "--kustomize", "deploy/k8s/overlays/ci-fake")
        await cluster.read("pods", "--namespace=dmp")       # the items

Nine nodes in three zones, of 32 cores and 96 GiB each, on which nothing runs: kwok plays their kubelets. The cluster
begins empty and listens on the loopback only. Its processes die with the process, and the thread, that started them.
"""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from deploy.cluster.control_plane import PORTS, ControlPlane, programs
from deploy.cluster.credentials import ADMIN, Credentials
from deploy.local.platform.child import run_in_thread
from deploy.local.platform.errors import LocalError
from deploy.local.platform.lock import hold_lock
from deploy.local.platform.paths import Layout, private_folder
from deploy.local.platform.ports import Ports
from deploy.local.platform.supervisor import Progress, Report, Supervisor

ZONES: Final = ("zone-a", "zone-b", "zone-c")
ZONE_LABEL: Final = "topology.kubernetes.io/zone"
_NODES_PER_ZONE: Final = 3
_CAPACITY: Final = {"cpu": "32", "memory": "96Gi", "pods": "110"}


class KubectlError(LocalError):
    """kubectl has failed; the message is what it wrote on the error stream."""


def ignore_progress(_progress: Progress) -> None:
    """Ignores the report."""


class Cluster:
    """The processes of a test cluster and their files, in one folder."""

    def __init__(self, folder: Path, report: Report = ignore_progress) -> None:
        self.layout = Layout(folder.absolute())
        self._credentials = self._make_credentials()
        self._supervisor = Supervisor(report)
        self._ports = Ports()
        self._resources = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        for folder in (self.layout.folder, self.layout.logs, self.layout.secrets):
            private_folder(folder, 0o700)
        self._resources.enter_context(hold_lock(self.layout.lock))
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def kubeconfig(self) -> Path:
        """The file by which an administrator reaches the cluster."""
        return self._credentials.kubeconfig(ADMIN)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which kubectl, of the cluster's own version, is an administrator of this cluster."""
        path = f"{self._programs.kubernetes}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        cache = {"KUBECACHEDIR": str(self.layout.folder / "kubectl")}  # what another cluster on the port had is no help
        return {**os.environ, **cache, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    async def kubectl(self, *arguments: str, standard_input: str | None = None) -> str:
        """Runs kubectl as an administrator and returns its output. Raises KubectlError."""
        process = await self.start_kubectl(*arguments)
        try:
            output, errors = await process.communicate((standard_input or "").encode())
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            raise KubectlError((errors or output).decode().strip())
        return output.decode()

    async def start_kubectl(self, *arguments: str) -> asyncio.subprocess.Process:
        """Starts kubectl as an administrator, with pipes for its input, its output and its errors."""
        pipe = asyncio.subprocess.PIPE
        program, environment = self._programs.kubernetes / "kubectl", self.environment
        return await asyncio.create_subprocess_exec(
            program, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )

    async def apply(self, manifests: Iterable[dict[str, Any]], *flags: str) -> list[str]:
        """Applies objects by server-side apply; returns kubectl's line about each. Raises KubectlError."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        output = await self.kubectl("apply", "--server-side", "--filename=-", *flags, standard_input=text)
        return output.splitlines()

    async def read(self, kind: str, *flags: str) -> list[dict[str, Any]]:
        """Returns the objects of a kind. Raises KubectlError."""
        items: list[dict[str, Any]] = json.loads(await self.kubectl("get", kind, "--output=json", *flags))["items"]
        return items

    async def _start(self) -> None:
        await run_in_thread(self._prepare)
        self._resources.enter_context(self._ports)
        self._ports.claim(PORTS, None)
        self._credentials.write(self._ports["apiserver"])
        plane = self._make_plane()
        await self._supervisor.start(plane.store())
        await self._supervisor.start(plane.api_server())
        await self._supervisor.start(plane.controllers(), plane.scheduler())
        await self._start_nodes(plane)
        await self.kubectl("wait", "nodes", "--all", "--for=condition=Ready", "--timeout=120s")

    def _make_credentials(self) -> Credentials:
        return Credentials(self.layout.secrets)

    def _make_plane(self) -> ControlPlane:
        return ControlPlane(self.layout, self._programs, self._credentials, self._ports.by_name)

    async def _start_nodes(self, plane: ControlPlane) -> None:
        """Starts what plays the nodes; returns when the API server has the nodes."""
        await self._supervisor.start(plane.kwok())
        await self.apply(_nodes())

    async def _stop(self) -> None:
        with self._resources:
            await self._supervisor.stop_all()

    def _prepare(self) -> None:
        """Finds or builds the programs, and removes what an earlier cluster has stored in the folder."""
        self._programs = programs()
        for name in ("etcd", "kubectl"):
            shutil.rmtree(self.layout.folder / name, ignore_errors=True)


def _nodes() -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"{zone}-{number}",
                "labels": {ZONE_LABEL: zone, "kubernetes.io/hostname": f"{zone}-{number}", "kubernetes.io/os": "linux"},
            },
            "status": {"capacity": _CAPACITY, "allocatable": _CAPACITY},
        }
        for zone in ZONES
        for number in range(1, _NODES_PER_ZONE + 1)
    ]
