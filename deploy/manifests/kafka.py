"""Kafka by Strimzi: the cluster, its topics, its users and what each may do, from the declarations of contracts."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from deploy.manifests.objects import Manifest, manifest
from deploy.manifests.variables import KAFKA_PORT
from shared.contracts.declarations import OUTSIDE_WRITERS, SERVICES
from shared.messaging.topics.grants import OPS, SCALING, Grant, declared_grants
from shared.messaging.topics.layouts import declared_topics

API: Final = "kafka.strimzi.io/v1"
OUTSIDE_PORT: Final = 9094
_CLUSTER: Final = {"strimzi.io/cluster": "dmp"}
BROKERS: Final = 3
REPLICATION, IN_SYNC = 3, 2
BROKER_GIB: Final = 2000
"""Storage of one broker; `deploy.needs` says what the topics take."""
SESSION_S: Final = 3600
"""Age of a client's connection at which the broker closes it, so that the client signs in anew with a present
certificate and password (docs/certificates.md)."""
_KINDS: Final = {"TOPIC": "topic", "GROUP": "group", "TRANSACTIONAL_ID": "transactionalId", "BROKER": "cluster"}


def cluster() -> Iterator[Manifest]:
    """Yields the brokers and controllers, one of each in every zone."""
    yield _pool("controllers", "controller", 20, ("500m", "2Gi"))
    yield _pool("brokers", "broker", BROKER_GIB, ("2", "8Gi"))
    yield manifest(API, "Kafka", "dmp", spec={"kafka": _kafka(), "entityOperator": _entity_operator()})


def topics() -> Iterator[Manifest]:
    """Yields every declared topic and the dead-letter topic of every group."""
    for layout in declared_topics(profile="national"):
        config = {**layout.config, "min.insync.replicas": str(IN_SYNC)}
        spec = {"partitions": layout.partitions, "replicas": REPLICATION, "config": config}
        yield manifest(API, "KafkaTopic", layout.name, labels=_CLUSTER, spec=spec)


def users() -> Iterator[Manifest]:
    """Yields the services, the health insurance, `ops` and `scaling`, with exactly the declared permissions."""
    grants: dict[str, list[Grant]] = defaultdict(list)
    for grant in sorted(declared_grants(), key=lambda each: (each.kind, each.resource, each.operation)):
        grants[grant.user].append(grant)
    assert set(grants) == {*SERVICES, *OUTSIDE_WRITERS, OPS, SCALING}
    for user, own in sorted(grants.items()):
        spec = {"authentication": _authentication(user), "authorization": {"type": "simple", "acls": _rules(own)}}
        yield manifest(API, "KafkaUser", user, labels=_CLUSTER, spec=spec)


def _authentication(user: str) -> Manifest:
    """Returns SCRAM with the password of the Secret that the service mounts too; a certificate for who is outside."""
    if user in OUTSIDE_WRITERS:
        return {"type": "tls"}
    reference = {"secretKeyRef": {"name": f"{user}-kafka", "key": "password"}}
    return {"type": "scram-sha-512", "password": {"valueFrom": reference}}


def _rules(grants: list[Grant]) -> list[Manifest]:
    """Returns the permissions, the operations on one resource together."""
    operations: dict[tuple[str, str], list[str]] = defaultdict(list)
    for grant in grants:
        operations[grant.kind, grant.resource].append(_operation(grant.operation))
    return [
        {"type": "allow", "resource": _resource(kind, name), "host": "*", "operations": allowed}
        for (kind, name), allowed in operations.items()
    ]


def _operation(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _resource(kind: str, name: str) -> Manifest:
    if kind == "BROKER":
        return {"type": "cluster"}
    return {"type": _KINDS[kind], "name": name, "patternType": "literal"}


def _pool(name: str, role: str, gib: int, size: tuple[str, str]) -> Manifest:
    cpu, memory = size
    volume = {"id": 0, "type": "persistent-claim", "size": f"{gib}Gi", "deleteClaim": False, "kraftMetadata": "shared"}
    spec = {
        "replicas": BROKERS,
        "roles": [role],
        "storage": {"type": "jbod", "volumes": [volume]},
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        "template": {"pod": {"affinity": {"podAntiAffinity": _apart(name)}}},
    }
    return manifest(API, "KafkaNodePool", name, labels=_CLUSTER, spec=spec)


def _apart(pool: str) -> Manifest:
    """Returns the rule that no two members of a pool are in one zone."""
    selector = {"matchLabels": {"strimzi.io/pool-name": pool}}  # Strimzi's label is the KafkaNodePool's own name
    term = {"labelSelector": selector, "topologyKey": "topology.kubernetes.io/zone"}
    return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}


def _kafka() -> Manifest:
    inside = {"name": "scram", "port": KAFKA_PORT, "type": "internal", "tls": True}
    outside = {"name": "outside", "port": OUTSIDE_PORT, "type": "loadbalancer", "tls": True}
    return {
        "listeners": [
            {**inside, "authentication": {"type": "scram-sha-512"}},
            {**outside, "authentication": {"type": "tls"}},
        ],
        "authorization": {"type": "simple"},
        "rack": {"type": "topology-label", "topologyKey": "topology.kubernetes.io/zone"},
        "config": {
            "default.replication.factor": REPLICATION,
            "min.insync.replicas": IN_SYNC,
            "offsets.topic.replication.factor": REPLICATION,
            "transaction.state.log.replication.factor": REPLICATION,
            "transaction.state.log.min.isr": IN_SYNC,
            "auto.create.topics.enable": False,
            "delete.topic.enable": False,  # an object deleted by mistake must not take a topic's content with it
            "unclean.leader.election.enable": False,
            "connections.max.reauth.ms": SESSION_S * 1000,  # of the listener with passwords; certificates have none
        },
    }


def _entity_operator() -> Manifest:
    size = {"resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}}}
    return {"topicOperator": size, "userOperator": size}
