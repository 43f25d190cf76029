"""Who reaches whom: everything is closed to what is not named here.

Services meet on Kafka alone, so none reaches another. An API reaches its database, the edge for the issuer's keys, and
a collector of traces.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from deploy.manifests.objects import PART_OF, Manifest, labels_of, manifest
from deploy.manifests.processes import Process, processes_of
from deploy.manifests.variables import (
    EDGE_CARDS_PORT,
    EDGE_HTTPS_PORT,
    EDGE_OPERATORS_PORT,
    HTTP_PORT,
    KAFKA_PORT,
    METRICS_PORT,
    MLLP_PORT,
    MONITOR_PORT,
    POSTGRES_PORT,
    WORKER_PORT,
    cluster_name,
)
from shared.contracts.declarations import SERVICES, Service

MONITORING, OPERATORS = "monitoring", "cnpg-system"
"""Namespaces outside: of Prometheus and the collector of traces, of the operator of PostgreSQL."""
OTLP_PORT: Final = 4318
"""Of a collector of traces: OTLP over HTTP, the form that the services send."""
EDGE: Final = labels_of("edge", "proxy")
"""The labels of the edge's pods."""
_OUTSIDE: Final = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]}}
"""Addresses outside of the cluster and of its installation's own networks."""


def default_policy() -> Manifest:
    """Returns the policy that closes every pod of the namespace to all that no other policy lets in."""
    spec = {"podSelector": {}, "policyTypes": ["Ingress"]}
    return manifest("networking.k8s.io/v1", "NetworkPolicy", "default-deny", spec=spec)


def own_default_policy() -> Manifest:
    """Returns the policy that lets the pods of the services, and the Jobs of a release, reach nothing by default."""
    spec = {"podSelector": {"matchLabels": PART_OF}, "policyTypes": ["Ingress", "Egress"]}
    return manifest("networking.k8s.io/v1", "NetworkPolicy", "default-deny-services", spec=spec)


def policies_of(service: Service) -> Iterator[Manifest]:
    """Yields a policy for each process of a service, and for its migrations."""
    for process in processes_of(service):
        labels = labels_of(service, process.role)
        yield _policy(process.name, labels, list(_ingress(process)), list(_egress(process)))
    yield policy_to_database(service, "migrate")


def policy_to_database(service: Service, component: str) -> Manifest:
    """Returns the policy of Jobs that reach their service's database and nothing else, and that nobody reaches."""
    egress = [_to_pods(_database(service), POSTGRES_PORT), _names()]
    return _policy(f"{service}-{component}", labels_of(service, component), [], egress)


def edge_policy() -> Manifest:
    """Returns the policy of the edge: everybody reaches its listeners; it reaches what it leads to."""
    ingress = [
        {"ports": _tcp(EDGE_HTTPS_PORT, EDGE_CARDS_PORT, EDGE_OPERATORS_PORT, MLLP_PORT)},
        {"from": [_namespace(MONITORING)], "ports": _tcp(MONITOR_PORT)},
    ]
    apis = {"matchLabels": {**PART_OF, "app.kubernetes.io/component": "api"}}
    egress = [
        _names(),
        {"to": [{"podSelector": apis}], "ports": _tcp(HTTP_PORT)},
        *(_to_pods(labels_of(service, "worker"), WORKER_PORT) for service in SERVICES),
        _to_pods(labels_of("records", "mllp"), MLLP_PORT),
    ]
    return _policy("edge", EDGE, ingress, egress)


def database_policies() -> Iterator[Manifest]:
    """Yields who reaches each database: its own service, its own instances, its operator and Prometheus."""
    for service in SERVICES:
        name, own = cluster_name(service), _database(service)
        users = {"matchLabels": {**PART_OF, "app.kubernetes.io/name": service}}
        ingress = [
            {"from": [{"podSelector": users}], "ports": _tcp(POSTGRES_PORT)},
            {"from": [{"podSelector": {"matchLabels": own}}]},
            {"from": [_namespace(OPERATORS)], "ports": _tcp(POSTGRES_PORT, 8000)},
            {"from": [_namespace(MONITORING)], "ports": _tcp(9187)},
        ]
        spec = {"podSelector": {"matchLabels": own}, "policyTypes": ["Ingress"], "ingress": ingress}
        yield manifest("networking.k8s.io/v1", "NetworkPolicy", name, spec=spec)


def _ingress(process: Process) -> Iterator[Manifest]:
    edge = {"api": HTTP_PORT, "worker": WORKER_PORT, "mllp": MLLP_PORT}.get(process.role)
    if edge is not None:
        yield {"from": [{"podSelector": {"matchLabels": EDGE}}], "ports": _tcp(edge)}
    metrics = METRICS_PORT if process.role == "api" else WORKER_PORT
    yield {"from": [_namespace(MONITORING)], "ports": _tcp(metrics)}


def _egress(process: Process) -> Iterator[Manifest]:
    yield _names()
    yield _to_pods(_database(process.service), POSTGRES_PORT)
    yield {"to": [_namespace(MONITORING)], "ports": _tcp(OTLP_PORT)}
    if process.role in ("api", "worker"):
        yield _to_pods(EDGE, EDGE_HTTPS_PORT)
    if process.consumes:
        yield _to_pods({"strimzi.io/cluster": "dmp", "strimzi.io/broker-role": "true"}, KAFKA_PORT)
    match (process.service, process.role):
        case ("identity", "api"):  # Pro Santé Connect
            yield {"to": [_OUTSIDE], "ports": _tcp(443)}
        case ("notify", "worker"):  # the mail server
            yield {"to": [_OUTSIDE], "ports": _tcp(465, 587)}
        case ("records", "worker"):  # listeners of hospitals for business acknowledgements, at ports that they choose
            yield {"to": [_OUTSIDE], "ports": [{"protocol": "TCP", "port": 1024, "endPort": 65535}]}


def _policy(name: str, labels: dict[str, str], ingress: Sequence[Manifest], egress: Sequence[Manifest]) -> Manifest:
    spec = {
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": list(ingress),
        "egress": list(egress),
    }
    return manifest("networking.k8s.io/v1", "NetworkPolicy", name, labels=labels, spec=spec)


def _names() -> Manifest:
    """Returns the way to the cluster's name servers."""
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {"to": [_namespace("kube-system")], "ports": ports}


def _database(service: Service) -> dict[str, str]:
    return {"cnpg.io/cluster": cluster_name(service)}


def _to_pods(labels: dict[str, str], port: int) -> Manifest:
    return {"to": [{"podSelector": {"matchLabels": labels}}], "ports": _tcp(port)}


def _namespace(name: str) -> Manifest:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _tcp(*ports: int) -> list[Manifest]:
    return [{"protocol": "TCP", "port": port} for port in ports]
