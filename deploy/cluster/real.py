"""A test cluster whose pods run: kubelets instead of kwok.

    async with RealCluster(folder, images=[archive], pause=name) as cluster:
        await cluster.lose("node-2")                # everything on it ends at once

It needs root, and a network namespace of its own (`deploy.cluster.network`).
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.cluster.cluster import Cluster, ignore_progress
from deploy.cluster.control_plane import ControlPlane, kubelet
from deploy.cluster.credentials import Credentials
from deploy.cluster.kubelet import Node
from deploy.local.platform.errors import LocalError
from deploy.local.platform.supervisor import Report

NODES: Final = {"node-1": "zone-a", "node-2": "zone-b"}
"""The nodes and their zones."""
PROGRAMS: Final = ("containerd", "ctr", "runc", "containerd-shim-runc-v2", "ip", "mount", "unshare")
SILENT_S, EVICTED_S = 40, 30
"""Seconds after which a node that says nothing is lost, and after which its pods are replaced: shorter than usual."""


class RealCluster(Cluster):
    """The processes of a cluster with two nodes on this machine.

    `images`: archives that every node imports when it starts. `pause`: the image that holds the namespaces of a pod.
    """

    def __init__(self, folder: Path, *, images: Sequence[Path], pause: str, report: Report = ignore_progress) -> None:
        super().__init__(folder, report)
        self._images, self._pause = images, pause
        self.nodes: dict[str, Node] = {}

    async def lose(self, name: str) -> None:
        """Ends a node with all its pods at once, without a word to the API server."""
        await self._supervisor.kill(name, restart=False)

    async def start_again(self, name: str) -> None:
        """Starts a lost node; returns when its kubelet is healthy."""
        await self._supervisor.start_again(name)

    def _make_credentials(self) -> Credentials:
        return Credentials(self.layout.secrets, tuple(NODES))

    def _make_plane(self) -> ControlPlane:
        files, ports = self._credentials, self._ports.by_name
        return ControlPlane(self.layout, self._programs, files, ports, silent_s=SILENT_S, evicted_s=EVICTED_S)

    async def _start_nodes(self, _plane: ControlPlane) -> None:
        program = kubelet()
        for number, (name, zone) in enumerate(NODES.items(), 1):
            self._ports.claim((f"{name}-kubelet", f"{name}-health"), None)
            ports = (self._ports[f"{name}-kubelet"], self._ports[f"{name}-health"])
            folder = self.layout.folder / name
            shutil.rmtree(folder, ignore_errors=True)
            self.nodes[name] = Node(name, number, zone, folder, ports, program, self._pause)
            self.nodes[name].import_images(self._images)
        specs = [node.spec(self._credentials, self.layout.log(name)) for name, node in self.nodes.items()]
        await self._supervisor.start(*specs)
        for name in NODES:
            await self.kubectl("wait", f"node/{name}", "--for=create", "--timeout=120s")

    async def _stop(self) -> None:
        await super()._stop()
        for node in self.nodes.values():
            node.remove_groups()

    def _prepare(self) -> None:
        super()._prepare()
        if os.geteuid() != 0:
            raise LocalError("nodes need root: they make namespaces and mounts")
        for name in PROGRAMS:
            if shutil.which(name) is None:
                raise LocalError(f"{name} is not installed: docs/rehearsals.md says which packages a node needs")
