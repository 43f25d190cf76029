"""The long-running processes of the services on a cluster: replicas, resources, connections and time to end.

The replicas carry the national load of `deploy.needs` with one zone of three away. A process is one Python interpreter
and uses one core at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from services.records.hl7v2.listener import DRAIN_S
from shared.contracts.declarations import SERVICES, Service
from shared.http.app import LONG_REQUESTS
from shared.messaging.subscriber import GRACEFUL_STOP_S
from shared.runtime.settings import PostgresSettings
from shared.service.serving import API_SHUTDOWN_S, WORKER_SHUTDOWN_S
from shared.service.worker import LONGEST_END_S

Role = Literal["api", "worker", "mllp", "extract"]
POOL_SIZE: Final[int] = PostgresSettings.model_fields["pool_size"].default
NAMES_AGE_S: Final = 5
"""Seconds for which an answer of the cluster's name server may be old (`ttl` of CoreDNS, whose default this is)."""
DEREGISTRATION_S: Final = 10
"""Seconds for which a pod that ends still serves, until every proxy has taken it out of its endpoints, and the edge has
looked for the addresses of its name: NAMES_AGE_S, the edge's DNS_REFRESH_S, and a reserve."""
EXIT_MARGIN_S: Final = 5
"""Seconds for the interpreter to end, on a busy node, after all that the code waits for."""
_RELAY_CONNECTIONS: Final = 1
_IN_FORCE_LISTENERS: Final[Mapping[Service, int]] = {"consent": 1}
"""Connections of an API that wait for notifications, beside its pools."""


@dataclass(frozen=True)
class Resources:
    """What a pod asks of its node. `memory_limit`: it is ended beyond that. CPU has no limit, so it is never throttled
    while its node is idle."""

    cpu: str
    memory: str
    memory_limit: str


@dataclass(frozen=True)
class Process:
    """One long-running process of a service. `least`, `most`: the bounds of its replicas."""

    service: Service
    role: Role
    least: int
    most: int
    resources: Resources

    @property
    def name(self) -> str:
        """The name of its Deployment."""
        return f"{self.service}-{self.role}"

    @property
    def certificate(self) -> str:
        """The Secret with its certificate of the installation's own authority. MLLP has another, for its senders."""
        return f"{self.name}-inside-tls" if self.role == "mllp" else f"{self.name}-tls"

    @property
    def connections(self) -> int:
        """The connections to its database that one replica holds at most."""
        match self.role:
            case "api":
                return POOL_SIZE + LONG_REQUESTS + _IN_FORCE_LISTENERS.get(self.service, 0)
            case "worker":
                return POOL_SIZE + _RELAY_CONNECTIONS
            case "mllp" | "extract":
                return POOL_SIZE

    @property
    def consumes(self) -> bool:
        """Whether it reads topics, so that the lag of its groups says how many replicas are needed."""
        return self.role in ("worker", "extract")

    @property
    def serves_callers(self) -> bool:
        """Whether callers reach it through a Service, so that it must leave the endpoints before it ends."""
        return not self.consumes

    @property
    def grace_s(self) -> int:
        """The seconds within which it ends by itself after its end was asked for."""
        work = {
            "api": API_SHUTDOWN_S,
            "worker": WORKER_SHUTDOWN_S + GRACEFUL_STOP_S + LONGEST_END_S,
            "mllp": WORKER_SHUTDOWN_S + DRAIN_S,
            "extract": WORKER_SHUTDOWN_S + GRACEFUL_STOP_S,
        }[self.role]
        waits = DEREGISTRATION_S if self.serves_callers else 0
        return round(waits + work + EXIT_MARGIN_S)

    @property
    def surge(self) -> int:
        """The replicas beyond `most` that a rollout may start: a quarter, rounded up."""
        return -(-self.most // 4)


_API = Resources("500m", "256Mi", "512Mi")
_BODIES = Resources("500m", "384Mi", "768Mi")
"""Processes that hold up to 240 MB of bodies of requests at once (`shared/http/bodies.py`)."""
_WORKER = Resources("250m", "256Mi", "512Mi")
_EXTRACT = Resources("250m", "256Mi", "768Mi")
"""The process that reads documents, beside its parent; it limits its own memory (`extractor_process.py`)."""
_REPLICAS: Final[Mapping[tuple[Service, Role], tuple[int, int]]] = {
    ("identity", "api"): (3, 12),
    ("identity", "worker"): (2, 6),
    ("records", "api"): (6, 24),
    ("records", "worker"): (4, 16),
    ("records", "mllp"): (3, 9),
    ("records", "extract"): (2, 8),
    ("consent", "api"): (3, 12),
    ("consent", "worker"): (2, 8),
    ("audit", "api"): (3, 9),
    ("audit", "worker"): (3, 12),
    ("notify", "api"): (2, 6),
    ("notify", "worker"): (3, 12),
}


def _resources(service: Service, role: Role) -> Resources:
    if service == "records" and role in ("api", "mllp"):
        return _BODIES
    return {"worker": _WORKER, "extract": _EXTRACT}.get(role, _API)


PROCESSES: Final = tuple(
    Process(service, role, least, most, _resources(service, role))
    for (service, role), (least, most) in _REPLICAS.items()
)


def processes_of(service: Service) -> tuple[Process, ...]:
    """Returns the long-running processes of a service."""
    return tuple(process for process in PROCESSES if process.service == service)


def connections_of(service: Service) -> int:
    """Returns the most connections that the processes of a service hold at once, in the middle of a rollout at full
    size."""
    return sum((process.most + process.surge) * process.connections for process in processes_of(service))


assert {process.service for process in PROCESSES} == set(SERVICES)
