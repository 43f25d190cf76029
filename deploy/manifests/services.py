"""The objects of one service: accounts, processes, their addresses, their bounds and who watches them."""

from collections.abc import Iterator, Mapping
from typing import Final

from deploy.manifests.network import policies_of
from deploy.manifests.objects import Manifest, labels_of, manifest
from deploy.manifests.pods import pod_template
from deploy.manifests.processes import Process, processes_of
from deploy.manifests.replicas import autoscaler, deployment, disruption_budget, pod_monitor
from deploy.manifests.scaling import scaled_object
from deploy.manifests.variables import HTTP_PORT, MLLP_PORT, WORKER_PORT
from shared.contracts.declarations import Service

_PORTS: Final[Mapping[str, Mapping[str, int]]] = {
    "api": {"http": HTTP_PORT},
    "worker": {"metrics": WORKER_PORT},
    "mllp": {"mllp": MLLP_PORT},
    "extract": {},
}
"""The ports by which a process is reached: by callers, and a worker by its operators."""


def objects_of(service: Service) -> Iterator[Manifest]:
    """Yields all objects of a service but its database, topics and secrets."""
    yield manifest("v1", "ServiceAccount", service, automountServiceAccountToken=False)
    for process in processes_of(service):
        labels = labels_of(service, process.role)
        yield deployment(process.name, labels, pod_template(process))
        if _PORTS[process.role]:
            yield _service(process)
        yield disruption_budget(process.name, labels)
        yield (
            scaled_object(process)
            if process.consumes
            else autoscaler(process.name, labels, process.least, process.most)
        )
    yield from policies_of(service)
    yield pod_monitor(service, [_scraped(process) for process in processes_of(service)])
    if service == "identity":
        yield _claim("identity-erasures", "1Gi")
    if service == "notify":
        yield _claim("notify-outgoing", "50Gi")


def _service(process: Process) -> Manifest:
    """Returns the address of a process. That of an API is headless, the addresses of its ready pods: the edge keeps
    connections, and by one address for all it would not learn that a pod leaves."""
    headless = {"clusterIP": "None"} if process.role == "api" else {}
    ports = [{"name": name, "port": port, "targetPort": name} for name, port in _PORTS[process.role].items()]
    labels = labels_of(process.service, process.role)
    return manifest("v1", "Service", process.name, labels=labels, spec={**headless, "selector": labels, "ports": ports})


def _scraped(process: Process) -> Manifest:
    """Returns where Prometheus finds the metrics of a process: an API's have a port of their own, without TLS; those of
    the others are on the port of operators, whose certificate names the process and not the address of a pod."""
    container = {"sourceLabels": ["__meta_kubernetes_pod_container_name"], "regex": process.role, "action": "keep"}
    endpoint = {"port": "metrics", "path": "/metrics", "relabelings": [container]}
    if process.role == "api":
        return endpoint
    authority = {"secret": {"name": process.certificate, "key": "ca.crt"}}
    return {**endpoint, "scheme": "https", "tlsConfig": {"ca": authority, "serverName": process.name}}


def _claim(name: str, size: str) -> Manifest:
    """Returns a volume that a service's workers share: with the gateways of SMS and letters (`notify-outgoing`), and
    with who copies the exports of erasures to another region (`identity-erasures`)."""
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}}
    return manifest("v1", "PersistentVolumeClaim", name, spec=spec)
