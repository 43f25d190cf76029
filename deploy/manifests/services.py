"""The objects of one service: accounts, processes, their addresses, their bounds and who watches them."""

from collections.abc import Iterator, Mapping
from typing import Final

from deploy.manifests.network import policies_of
from deploy.manifests.objects import PART_OF, Manifest, labels_of, manifest
from deploy.manifests.pods import pod_template
from deploy.manifests.processes import Process, processes_of
from deploy.manifests.scaling import CALM_S, scaled_object
from deploy.manifests.variables import HTTP_PORT, MLLP_PORT, WORKER_PORT
from shared.contracts.declarations import Service

_PORTS: Final[Mapping[str, Mapping[str, int]]] = {
    "api": {"http": HTTP_PORT},
    "worker": {"metrics": WORKER_PORT},
    "mllp": {"mllp": MLLP_PORT},
}
"""The ports by which a process is reached: by callers, and a worker by its operators."""
_CPU_PERCENT: Final = 65
"""The share of its requested CPU at which an API gets another replica: what is left carries a zone that fails."""


def objects_of(service: Service) -> Iterator[Manifest]:
    """Yields all objects of a service but its database, topics and secrets."""
    yield manifest("v1", "ServiceAccount", service, automountServiceAccountToken=False)
    for process in processes_of(service):
        yield _deployment(process)
        yield _service(process)
        yield _disruption_budget(process)
        yield scaled_object(process) if process.role == "worker" else _autoscaler(process)
    yield from policies_of(service)
    yield _pod_monitor(service)
    if service == "notify":
        yield _outgoing_claim()


def _deployment(process: Process) -> Manifest:
    """Returns the Deployment, without `replicas`: its autoscaler alone sets them, and an apply must not reset them."""
    spec = {
        "revisionHistoryLimit": 5,
        "minReadySeconds": 5,
        "selector": {"matchLabels": labels_of(process.service, process.role)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
        "template": pod_template(process),
    }
    return manifest("apps/v1", "Deployment", process.name, labels=labels_of(process.service, process.role), spec=spec)


def _service(process: Process) -> Manifest:
    ports = [{"name": name, "port": port, "targetPort": name} for name, port in _PORTS[process.role].items()]
    labels = labels_of(process.service, process.role)
    return manifest("v1", "Service", process.name, labels=labels, spec={"selector": labels, "ports": ports})


def _disruption_budget(process: Process) -> Manifest:
    """Returns the budget by which a zone is drained a quarter at a time; pods that never became ready do not hinder."""
    labels = labels_of(process.service, process.role)
    spec = {
        "maxUnavailable": "25%",
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": labels},
    }
    return manifest("policy/v1", "PodDisruptionBudget", process.name, labels=labels, spec=spec)


def _autoscaler(process: Process) -> Manifest:
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": process.name},
        "minReplicas": process.least,
        "maxReplicas": process.most,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": _CPU_PERCENT}},
            }
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": CALM_S}},
    }
    labels = labels_of(process.service, process.role)
    return manifest("autoscaling/v2", "HorizontalPodAutoscaler", process.name, labels=labels, spec=spec)


def _pod_monitor(service: Service) -> Manifest:
    """Returns what Prometheus scrapes. The job is `dmp-<service>-<process>`, which the alert rules expect."""
    spec = {
        "jobLabel": "app.kubernetes.io/instance",
        "selector": {"matchLabels": {**PART_OF, "app.kubernetes.io/name": service}},
        "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics", "interval": "15s"}],
    }
    return manifest("monitoring.coreos.com/v1", "PodMonitor", service, spec=spec)


def _outgoing_claim() -> Manifest:
    """Returns the volume that notify's workers share with the gateways of SMS and letters."""
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "50Gi"}}}
    return manifest("v1", "PersistentVolumeClaim", "notify-outgoing", spec=spec)
