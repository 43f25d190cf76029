"""A node of a test cluster on which pods run: a kubelet and containerd, in namespaces of their own for processes and
mounts. It needs root, and Debian's packages containerd and containernetworking-plugins.

All nodes share the network namespace of the cluster, whose bridge joins their pods. When the node's process is killed,
the kernel ends everything on it at once, as a power failure does.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final

from deploy.cluster.credentials import Credentials, node_user
from deploy.cluster.network import ADDRESS, BRIDGE, CLUSTER_NETWORK, pod_range
from deploy.local.platform.child import ChildSpec
from deploy.local.platform.probes import answers

ZONE_LABEL: Final = "topology.kubernetes.io/zone"
CGROUPS: Final = Path("/sys/fs/cgroup")
_INIT: Final = Path(__file__).with_name("node.py")
_WEIGHT: Final = 8192
"""The share of the processor of a node's pods, against 1024 of each process beside them: there are about eight."""
_PLUGINS: Final = "/usr/lib/cni"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CONTAINERD: Final = """\
version = 2
root = "{folder}/containerd"
state = "/run/containerd-state"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/cni"
"""
"""No capability to raise limits is needed: the score of the kernel's memory killer is only lowered where it may be."""


@dataclass(frozen=True)
class Node:
    """A node. `number`: from 1, the node's own within the cluster; `ports`: of the kubelet and of its health."""

    name: str
    number: int
    zone: str
    folder: Path
    ports: tuple[int, int]
    kubelet: Path
    pause: str

    @property
    def cgroup(self) -> str:
        """The control group of the node's pods, below the root of each hierarchy."""
        return f"dmp-{self.name}-{self.ports[0]}"

    def spec(self, credentials: Credentials, log: Path) -> ChildSpec:
        """Returns how the supervisor runs the node."""
        separate = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
        program = (shutil.which(separate[0]) or separate[0], *separate[1:])

        async def healthy() -> bool:
            return await answers(self.ports[1], "/healthz")

        return ChildSpec(
            name=self.name,
            command=(*program, "/usr/bin/python3", "-I", "-S", str(_INIT), str(self.folder), str(self.kubelet)),
            log=log,
            healthy=healthy,
            directory=self.folder,
            environment={
                "PATH": _PATH,
                "HOME": str(self.folder),
            },
            prepare=lambda: self._prepare(credentials),
            stop_signal=SIGKILL,
            patience=300,
        )

    def import_images(self, archives: Sequence[Path]) -> None:
        """Lays archives of images where the node imports them when it starts."""
        (self.folder / "images").mkdir(parents=True, exist_ok=True)
        for archive in archives:
            (self.folder / "images" / archive.name).hardlink_to(archive)

    def remove_groups(self) -> None:
        """Removes the control groups of a node that has ended."""
        for root in self._groups():
            for group in sorted(root.rglob("*/"), reverse=True):
                group.rmdir()
            root.rmdir()

    def _groups(self) -> list[Path]:
        return [path for path in CGROUPS.glob(f"*/{self.cgroup}") if path.is_dir()]

    def _prepare(self, credentials: Credentials) -> None:
        for name in ("cni", "log", "images", "kubelet"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for hierarchy in CGROUPS.iterdir():
            (hierarchy / self.cgroup).mkdir(exist_ok=True)
            _inherit(hierarchy, hierarchy / self.cgroup)
            if (weight := hierarchy / self.cgroup / "cpu.shares").exists():
                weight.write_text(str(_WEIGHT))
        containerd = _CONTAINERD.format(folder=self.folder, pause=self.pause, plugins=_PLUGINS)
        (self.folder / "containerd.toml").write_text(containerd, "utf-8")
        (self.folder / "cni" / "pods.conflist").write_text(json.dumps(self._network()), "utf-8")
        (self.folder / "kubelet.json").write_text(json.dumps(self._configuration(credentials)), "utf-8")
        arguments = (
            f"--kubeconfig={credentials.kubeconfig(node_user(self.name))}",
            f"--hostname-override={self.name}",
            f"--node-ip={ADDRESS}",
            f"--node-labels={ZONE_LABEL}={self.zone}",
            f"--root-dir={self.folder / 'kubelet'}",
        )
        (self.folder / "kubelet.arguments").write_text("\n".join(arguments), "utf-8")

    def _network(self) -> dict[str, Any]:
        first, last = pod_range(self.number)
        addresses = {
            "type": "host-local",
            "ranges": [[{"subnet": CLUSTER_NETWORK, "rangeStart": first, "rangeEnd": last, "gateway": ADDRESS}]],
            "dataDir": "/var/lib/cni/addresses",
        }
        bridge = {"type": "bridge", "bridge": BRIDGE, "ipam": addresses}
        return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}

    def _configuration(self, credentials: Credentials) -> dict[str, Any]:
        """Returns the kubelet's configuration for a machine without CAP_SYS_RESOURCE and with hybrid cgroups."""
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": ADDRESS,
            "port": self.ports[0],
            "healthzPort": self.ports[1],
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(credentials.authority)},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "makeIPTablesUtilChains": False,
            "protectKernelDefaults": True,
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
            "localStorageCapacityIsolation": False,
            "nodeStatusUpdateFrequency": "5s",
            "nodeStatusReportFrequency": "10s",
            "resolvConf": "",
            "registerNode": True,
        }


def _inherit(parent: Path, child: Path) -> None:
    """Gives a group of `cpuset` its parent's processors and memory: an empty group takes no process."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (child / name).exists() and not (child / name).read_text().strip():
            (child / name).write_text((parent / name).read_text())
