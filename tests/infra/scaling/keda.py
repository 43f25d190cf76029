"""KEDA on a test cluster: its operator, and the server by which autoscalers read its metrics.

Both run as processes on this machine and reach the cluster as its administrator. KEDA's admission webhooks are absent.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.cluster.cluster import Cluster, ignore_progress
from deploy.cluster.definitions import definition_files, definitions_in
from deploy.cluster.programs import CLUSTER_FOLDER, go_programs
from deploy.local.platform.child import ChildSpec
from deploy.local.platform.paths import private_folder
from deploy.local.platform.ports import HOST, Ports
from deploy.local.platform.probes import answers
from deploy.local.platform.supervisor import Supervisor
from deploy.manifests.objects import Manifest
from tests.infra.cluster.kinds import wait_for_kinds
from tests.infra.platform.certificates import LOOPBACK, Authority

GROUP, VERSION = "external.metrics.k8s.io", "v1beta1"
NAMESPACE, SERVER = "keda", "keda-metrics-apiserver"
_PACKAGES: Final = tuple(f"github.com/kedacore/keda/v2/cmd/{name}" for name in ("operator", "adapter"))
_PORTS: Final = ("keda-probes", "keda-metrics", "keda-internal", "keda-adapter", "keda-adapter-metrics")


def keda_programs() -> Path:
    """Returns the folder of `operator` and `adapter`, built once. Raises ProgramsError."""
    return go_programs(CLUSTER_FOLDER / "keda", _PACKAGES)


@asynccontextmanager
async def keda(cluster: Cluster) -> AsyncIterator[None]:
    """Runs KEDA on the cluster for the duration of the block. Raises ProgramsError."""
    supervisor = Supervisor(ignore_progress)
    with Ports() as ports:
        ports.claim(_PORTS, None)
        parts = await _Parts.make(cluster, ports.by_name)
        await cluster.apply(parts.definitions())
        await wait_for_kinds(cluster)
        try:
            await supervisor.start(parts.operator())
            await supervisor.start(parts.adapter())
            await cluster.apply(parts.objects())
            name = f"apiservice/{VERSION}.{GROUP}"
            await cluster.kubectl("wait", name, "--for=condition=Available", "--timeout=120s")
            yield
        finally:
            await supervisor.stop_all()


@dataclass(frozen=True)
class _Parts:
    """What KEDA's processes share. `certificates`: the folder of the certificate that both show and trust."""

    cluster: Cluster
    ports: Mapping[str, int]
    programs: Path
    certificates: Path
    files: tuple[Path, ...]

    @classmethod
    async def make(cls, cluster: Cluster, ports: Mapping[str, int]) -> "_Parts":
        programs = await asyncio.to_thread(keda_programs)
        files = await asyncio.to_thread(definition_files)
        certificates = cluster.layout.folder / "keda"
        _write_certificates(certificates)
        return cls(cluster, ports, programs, certificates, tuple(files))

    def definitions(self) -> list[Manifest]:
        """Returns KEDA's own kinds."""
        return [each for each in definitions_in(self.files) if each["spec"]["group"].endswith("keda.sh")]

    def objects(self) -> list[Manifest]:
        """Returns how the API server reaches the metrics: an address outside of the cluster's network."""
        address = {"type": "ExternalName", "externalName": "localhost"}
        authority = base64.b64encode((self.certificates / "ca.crt").read_bytes()).decode()
        spec = {
            "group": GROUP,
            "version": VERSION,
            "service": {"name": SERVER, "namespace": NAMESPACE, "port": self.ports["keda-adapter"]},
            "caBundle": authority,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        }
        api = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "spec": spec}
        return [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": SERVER, "namespace": NAMESPACE},
                "spec": address,
            },
            {**api, "metadata": {"name": f"{VERSION}.{GROUP}"}},
        ]

    def operator(self) -> ChildSpec:
        """Returns the operator, which makes an autoscaler of each ScaledObject and reads the lags."""
        flags = {
            "kubeconfig": self.cluster.kubeconfig,
            "cert-dir": self.certificates,
            "metrics-bind-address": self._address("keda-metrics"),
            "health-probe-bind-address": self._address("keda-probes"),
            "metrics-service-bind-address": self._address("keda-internal"),
            "enable-webhook-patching": "false",
            "enable-apiservice-patching": "false",
        }
        return self._child("operator", flags, None, "keda-probes")

    def adapter(self) -> ChildSpec:
        """Returns the server of metrics, which asks the operator. Its port of own metrics cannot be kept local."""
        kubeconfig = self.cluster.kubeconfig
        flags = {
            "kubeconfig": kubeconfig,
            "lister-kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": HOST,
            "secure-port": self.ports["keda-adapter"],
            "port": self.ports["keda-adapter-metrics"],
            "metrics-service-address": f"localhost:{self.ports['keda-internal']}",
            "cert-dir": self.certificates,
            "tls-cert-file": self.certificates / "tls.crt",
            "tls-private-key-file": self.certificates / "tls.key",
        }
        trusted = ssl.create_default_context(cafile=self.certificates / "ca.crt")
        return self._child("adapter", flags, trusted, "keda-adapter")

    def _child(self, name: str, flags: Mapping[str, object], trusted: ssl.SSLContext | None, port: str) -> ChildSpec:
        layout = self.cluster.layout
        variables = {
            "HOME": str(layout.folder),
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "WATCH_NAMESPACE": "",
            "POD_NAMESPACE": NAMESPACE,
            "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
        }
        command = (str(self.programs / name), *(f"--{flag}={value}" for flag, value in flags.items()))
        number = self.ports[port]
        return ChildSpec(
            name=f"keda-{name}",
            command=command,
            log=layout.log(f"keda-{name}"),
            healthy=lambda: answers(number, "/readyz", trusted),
            directory=layout.folder,
            environment=variables,
        )

    def _address(self, name: str) -> str:
        return f"{HOST}:{self.ports[name]}"


def _write_certificates(folder: Path) -> None:
    """Writes one certificate with its authority, for both processes as servers and as clients of each other."""
    private_folder(folder, 0o700)
    authority = Authority(folder, "ca")
    issued = authority.issue("keda", (*LOOPBACK, f"{SERVER}.{NAMESPACE}.svc"))
    authority.file.rename(folder / "ca.crt")
    issued.certificate.rename(folder / "tls.crt")
    issued.key.rename(folder / "tls.key")
