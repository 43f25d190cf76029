"""The generated objects by which workers scale, at the size of one machine."""

import base64
from collections.abc import Iterable
from typing import Any, Final

from deploy.figures import LAG_S
from deploy.manifests.objects import Manifest
from shared.messaging.topics.grants import SCALING
from tests.infra.scaling.login_kafka import LoginKafka

LEAST, MOST = 1, 4
"""The replicas of a worker; a topic has four partitions on one machine."""
CALM_S: Final = 20
"""Seconds of less load before replicas are taken away, 300 on a cluster."""
_KINDS: Final = frozenset({"ConfigMap", "Namespace", "ServiceAccount", "TriggerAuthentication"})
"""KEDA resolves the environment of what it scales, and so reads the settings of workers."""


def scaling_objects(built: Iterable[Manifest], kafka: LoginKafka, records_per_s: dict[str, float]) -> list[Manifest]:
    """Returns the workers with their ScaledObjects and what these read, changed for one machine.

    Other replicas, less calm after a peak, and the broker's address on this machine. `records_per_s`: what one worker
    handles, by name, for workers that are slower than the measured ones; their thresholds are LAG_S times that.
    """
    objects = [each for each in built if each["kind"] in _KINDS or _is_of_worker(each)]
    for each in objects:
        if each["kind"] == "ScaledObject":
            _fit(each["spec"], kafka, records_per_s.get(each["metadata"]["name"]))
    return [*objects, *_secrets(kafka)]


def _is_of_worker(item: Manifest) -> bool:
    return item["kind"] in ("Deployment", "ScaledObject") and item["metadata"]["name"].endswith("-worker")


def _fit(spec: dict[str, Any], kafka: LoginKafka, records_per_s: float | None) -> None:
    spec["minReplicaCount"], spec["maxReplicaCount"], spec["fallback"]["replicas"] = LEAST, MOST, LEAST
    spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] = CALM_S
    for trigger in spec["triggers"]:
        trigger["metadata"]["bootstrapServers"] = f"127.0.0.1:{kafka.login_port}"
    if records_per_s is not None:
        threshold = str(int(records_per_s * LAG_S))
        spec["advanced"]["scalingModifiers"]["target"] = threshold
        for trigger in spec["triggers"]:
            trigger["metadata"]["lagThreshold"] = threshold


def _secrets(kafka: LoginKafka) -> list[Manifest]:
    """Returns the Secrets that the vault and Strimzi make on a cluster."""
    login = kafka.credentials(SCALING)
    return [
        _secret(f"{SCALING}-kafka", {"username": login.username, "password": login.password}),
        _secret("dmp-cluster-ca-cert", {"ca.crt": kafka.authority.read_text("utf-8")}),
    ]


def _secret(name: str, values: dict[str, str]) -> Manifest:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
