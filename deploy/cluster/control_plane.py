"""The processes of a test cluster: etcd, the API server, the controllers, the scheduler, and kwok for the nodes."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.cluster.credentials import CONTROLLERS, FRONT_PROXY, KWOK, SCHEDULER, Credentials
from deploy.cluster.programs import CLUSTER_FOLDER, go_programs
from deploy.local.platform.child import ChildSpec, Probe
from deploy.local.platform.paths import Layout
from deploy.local.platform.ports import HOST
from deploy.local.platform.probes import answers, listens

PORTS: Final = ("etcd", "etcd-peer", "apiserver", "controllers", "scheduler", "kwok")
_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "etcd": ("go.etcd.io/etcd/server/v3",),
    "kubernetes": tuple(
        f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    ),
    "kwok": ("sigs.k8s.io/kwok/cmd/kwok",),
}
_KUBELET: Final = "k8s.io/kubernetes/cmd/kubelet"
NEVER_S: Final = 86_400
"""Seconds after which the controllers give up a silent simulated node: kwok on a busy machine is often late."""


@dataclass(frozen=True)
class Programs:
    """The folders of the programs."""

    etcd: Path
    kubernetes: Path
    kwok: Path


def programs() -> Programs:
    """Returns the programs, built once. Raises ProgramsError."""
    return Programs(**{name: go_programs(CLUSTER_FOLDER / name, packages) for name, packages in _MODULES.items()})


def kubelet() -> Path:
    """Returns the kubelet, of the module of the API server, built once. Raises ProgramsError."""
    return go_programs(CLUSTER_FOLDER / "kubernetes", [_KUBELET], "kubelet") / "kubelet"


@dataclass(frozen=True)
class ControlPlane:
    """What the processes of one cluster share. `ports`: those of PORTS.

    `silent_s`: seconds after which a silent node counts as lost. `evicted_s`: seconds after which the pods of a lost
    node are replaced.
    """

    layout: Layout
    programs: Programs
    credentials: Credentials
    ports: Mapping[str, int]
    silent_s: int = NEVER_S
    evicted_s: int = 300

    def store(self) -> ChildSpec:
        """Returns etcd, without waiting for the disk: the cluster ends with the test."""
        port, peer = (f"http://{HOST}:{self.ports[name]}" for name in ("etcd", "etcd-peer"))
        flags = {
            "data-dir": self.layout.folder / "etcd",
            "listen-client-urls": port,
            "advertise-client-urls": port,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "log-level": "warn",
            "unsafe-no-fsync": "true",
        }
        return self._child("etcd", self.programs.etcd / "server", flags, self._answers("etcd", "/readyz"))

    def api_server(self) -> ChildSpec:
        """Returns the API server. Users have tokens; kubelets reach what their pods need, others what RBAC permits."""
        keys = self.credentials
        flags = {
            **self._listens_at("apiserver"),
            "advertise-address": HOST,
            "endpoint-reconciler-type": "none",
            "etcd-servers": f"http://{HOST}:{self.ports['etcd']}",
            "tls-cert-file": keys.certificate,
            "tls-private-key-file": keys.key,
            "token-auth-file": keys.tokens,
            "authorization-mode": "Node,RBAC",
            "default-not-ready-toleration-seconds": self.evicted_s,
            "default-unreachable-toleration-seconds": self.evicted_s,
            "allow-privileged": "true",  # so that admission by namespace refuses a privileged pod, and not this flag
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": keys.accounts_public_key,
            "service-account-signing-key-file": keys.accounts_key,
            "service-cluster-ip-range": "10.96.0.0/16",
            **self._passes_requests_on(),
            "profiling": "false",
        }
        trusted = ssl.create_default_context(cafile=keys.authority)
        ready = self._answers("apiserver", "/readyz", trusted)
        return self._child("apiserver", self.programs.kubernetes / "kube-apiserver", flags, ready)

    def controllers(self) -> ChildSpec:
        """Returns the controllers, of which each has the rights of its own account only."""
        flags = {
            **self._listens_at("controllers"),
            "kubeconfig": self.credentials.kubeconfig(CONTROLLERS),
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self.credentials.accounts_key,
            "root-ca-file": self.credentials.authority,
            "leader-elect": "false",
            "node-monitor-grace-period": f"{self.silent_s}s",
        }
        command = self.programs.kubernetes / "kube-controller-manager"
        return self._child("controllers", command, flags, self._listens("controllers"))

    def scheduler(self) -> ChildSpec:
        """Returns the scheduler."""
        flags = {
            **self._listens_at("scheduler"),
            "kubeconfig": self.credentials.kubeconfig(SCHEDULER),
            "leader-elect": "false",
        }
        command = self.programs.kubernetes / "kube-scheduler"
        return self._child("scheduler", command, flags, self._listens("scheduler"))

    def kwok(self) -> ChildSpec:
        """Returns kwok, which plays every node as `stages.yaml` says."""
        flags = {
            "kubeconfig": self.credentials.kubeconfig(KWOK),
            "config": CLUSTER_FOLDER / "stages.yaml",
            "manage-all-nodes": "true",
            "node-lease-duration-seconds": "120",
            "server-address": f"{HOST}:{self.ports['kwok']}",
        }
        return self._child("kwok", self.programs.kwok / "kwok", flags, self._answers("kwok", "/healthz"))

    def _child(self, name: str, program: Path, flags: Mapping[str, object], healthy: Probe) -> ChildSpec:
        command = (str(program), *(f"--{flag}={value}" for flag, value in flags.items()))
        log = self.layout.log(name)
        return ChildSpec(name, command, log, healthy, self.layout.folder, {"HOME": str(self.layout.folder)})

    def _listens_at(self, name: str) -> dict[str, object]:
        certificates = {"cert-dir": self.layout.folder / "certificates" / name}
        return {"bind-address": HOST, "secure-port": self.ports[name], **certificates}

    def _passes_requests_on(self) -> dict[str, object]:
        """Returns how the API server speaks for its callers to servers of further APIs, such as KEDA's of metrics."""
        return {
            "proxy-client-cert-file": self.credentials.proxy_certificate,
            "proxy-client-key-file": self.credentials.proxy_key,
            "requestheader-client-ca-file": self.credentials.authority,
            "requestheader-allowed-names": FRONT_PROXY,
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        }

    def _listens(self, name: str) -> Probe:
        return lambda: listens(self.ports[name])

    def _answers(self, name: str, path: str, trusted: ssl.SSLContext | None = None) -> Probe:
        return lambda: answers(self.ports[name], path, trusted)
