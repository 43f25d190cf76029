"""Workers scale by the lag of their groups, which KEDA reads at the broker.

A process consumes in all groups that are declared for it, so that what waits in all of them together is its work: the
replicas are the sum of all lags over what one worker handles in LAG_S seconds. The offsets of the groups stand in the
database; the broker gets them too, for this.
"""

from collections.abc import Iterator
from typing import Final

from deploy.figures import lag_threshold
from deploy.manifests.objects import Manifest, labels_of, manifest
from deploy.manifests.processes import Process
from deploy.manifests.replicas import CALM_S
from deploy.manifests.variables import KAFKA_PORT
from shared.contracts.topics import GROUPS
from shared.messaging.topics.grants import SCALING

_POLL_S: Final = 15
_DOUBLE_IN_S: Final = 30
_ACCESS: Final = "kafka-lag"


def scaled_object(process: Process) -> Manifest:
    """Returns the scaling of a worker. A broker that cannot be asked takes no replica away."""
    triggers = list(_triggers(process))
    threshold = lag_threshold(process.name)
    behavior = {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": _DOUBLE_IN_S}],
        },
        "scaleDown": {"stabilizationWindowSeconds": CALM_S},
    }
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": process.name},
        "minReplicaCount": process.least,
        "maxReplicaCount": process.most,
        "pollingInterval": _POLL_S,
        "cooldownPeriod": CALM_S,
        "fallback": {"failureThreshold": 4, "replicas": process.least, "behavior": "currentReplicasIfHigher"},
        "advanced": {
            "horizontalPodAutoscalerConfig": {"behavior": behavior},
            "scalingModifiers": {
                "formula": " + ".join(trigger["name"] for trigger in triggers),
                "target": str(threshold),
                "metricType": "AverageValue",
            },
        },
        "triggers": triggers,
    }
    labels = labels_of(process.service, process.role)
    return manifest("keda.sh/v1alpha1", "ScaledObject", process.name, labels=labels, spec=spec)


def lag_access() -> Manifest:
    """Returns how KEDA reads lags: as a Kafka user of its own, who describes the groups and their topics."""
    references = {
        "username": (f"{SCALING}-kafka", "username"),
        "password": (f"{SCALING}-kafka", "password"),
        "ca": ("dmp-cluster-ca-cert", "ca.crt"),
    }
    targets = [{"parameter": parameter, "name": name, "key": key} for parameter, (name, key) in references.items()]
    return manifest("keda.sh/v1alpha1", "TriggerAuthentication", _ACCESS, spec={"secretTargetRef": targets})


def _triggers(process: Process) -> Iterator[Manifest]:
    """Yields the lag of each group in each of its topics.

    Every topic is named: without its name KEDA looks only where the group has committed, and a group that never did
    would have no lag. `earliest`: what no commit covers waits as a whole. A lag whose offset stands still counts too
    (`excludePersistentLag`): with a large backlog most partitions stand still between two looks. A trigger asks for no
    more workers than its topic has partitions (`allowIdleConsumers`).
    """
    threshold = str(lag_threshold(process.name))
    groups = [group for group in GROUPS if (group.service, group.process) == (process.service, process.role)]
    for group in groups:
        for topic in group.topics:
            metadata = {
                "bootstrapServers": f"dmp-kafka-bootstrap:{KAFKA_PORT}",
                "consumerGroup": group.name,
                "topic": topic.name,
                "lagThreshold": threshold,
                "offsetResetPolicy": "earliest",
                "allowIdleConsumers": "false",
                "excludePersistentLag": "false",
                "sasl": "scram_sha512",
                "tls": "enable",
                "version": "3.0.0",
            }
            name = _variable(f"{group.name}_{topic.name}")
            yield {"type": "kafka", "name": name, "metadata": metadata, "authenticationRef": {"name": _ACCESS}}


def _variable(name: str) -> str:
    """Returns a name of topics and groups as a name in KEDA's formulas."""
    return name.replace(".", "_").replace("-", "_")
