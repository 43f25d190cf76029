"""How the replicas of a Deployment are spread, replaced, evicted and counted."""

from collections.abc import Mapping, Sequence
from typing import Final

from deploy.manifests.objects import Manifest, manifest

CALM_S: Final = 300
"""Seconds of less load before replicas are taken away."""
_CPU_PERCENT: Final = 65
"""The share of its requested CPU at which an API gets another replica: what is left carries a zone that fails."""


def deployment(name: str, labels: Mapping[str, str], template: Manifest) -> Manifest:
    """Returns the Deployment, without `replicas`: its autoscaler alone sets them, and an apply must not reset them."""
    spec = {
        "revisionHistoryLimit": 5,
        "minReadySeconds": 5,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
        "template": template,
    }
    return manifest("apps/v1", "Deployment", name, labels=labels, spec=spec)


def disruption_budget(name: str, labels: Mapping[str, str]) -> Manifest:
    """Returns the budget by which a zone is drained a quarter at a time; pods that never became ready do not hinder."""
    spec = {
        "maxUnavailable": "25%",
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": labels},
    }
    return manifest("policy/v1", "PodDisruptionBudget", name, labels=labels, spec=spec)


def autoscaler(name: str, labels: Mapping[str, str], least: int, most: int) -> Manifest:
    """Returns the scaling by CPU, between these numbers of replicas."""
    target = {"type": "Utilization", "averageUtilization": _CPU_PERCENT}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": CALM_S}},
    }
    return manifest("autoscaling/v2", "HorizontalPodAutoscaler", name, labels=labels, spec=spec)


def spread(labels: Mapping[str, str], *, is_strict: bool) -> list[Manifest]:
    """Returns the spread over zones, which a new pod must keep if `is_strict`, and over nodes, which it should.

    The taints of nodes count: the zone that is being drained takes no part, so that its pods find another one.
    """
    strict = "DoNotSchedule" if is_strict else "ScheduleAnyway"
    rules = (("topology.kubernetes.io/zone", strict), ("kubernetes.io/hostname", "ScheduleAnyway"))
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": rule,
            "nodeTaintsPolicy": "Honor",
            "matchLabelKeys": ["pod-template-hash"],
            "labelSelector": {"matchLabels": labels},
        }
        for key, rule in rules
    ]


def pod_monitor(name: str, endpoints: Sequence[Manifest]) -> Manifest:
    """Returns what Prometheus scrapes of a service. The job, `dmp-<service>-<process>`, is what the alerts name."""
    spec = {
        "jobLabel": "app.kubernetes.io/instance",
        "selector": {"matchLabels": {"app.kubernetes.io/part-of": "dmp", "app.kubernetes.io/name": name}},
        "podMetricsEndpoints": [{**endpoint, "interval": "15s"} for endpoint in endpoints],
    }
    return manifest("monitoring.coreos.com/v1", "PodMonitor", name, spec=spec)
