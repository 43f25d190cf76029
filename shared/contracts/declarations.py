"""The types that declare topics and consumer groups. The declarations themselves are in `topics`."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from shared.contracts.base import Event, HeartbeatSent, StateWithheld

Service = Literal["identity", "records", "consent", "audit", "notify"]
SERVICES: tuple[Service, ...] = ("identity", "records", "consent", "audit", "notify")
ConsumerProcess = Literal["worker", "extract"]
"""The processes of a service that consume: its worker, and one of records' own that reads documents."""
Profile = Literal["national", "local"]
"""The size of an installation: it decides the partitions of its topics, which never change afterwards."""
Principal = Service | Literal["insurance"]
"""Who may write a topic: a service, or the health insurance, which is outside and reads nothing."""
OUTSIDE_WRITERS: tuple[Principal, ...] = ("insurance",)
NATIONAL_PARTITIONS = 96
LOCAL_PARTITIONS = 4
RELAY_EVENTS: tuple[type[Event], ...] = (HeartbeatSent, StateWithheld)
"""Events that the relay sends on a topic in addition to the owner's events."""


@dataclass(frozen=True)
class Topic:
    """One topic. `kind` "state": compacted, whole values with versions; "facts": events kept for `retention`.

    `writer`: the only principal that may write, by default the owner; the broker's ACL enforces it. A retired topic
    (`former_writers`) has none: it is read to its end and carries nothing new. `low_latency`: a person waits for its
    messages at a screen, so no component batches them. `has_heartbeats`: its consumers know how late they are (every
    state topic, and erasures).
    """

    name: str
    owner: Principal
    kind: Literal["state", "facts"]
    events: tuple[type[Event], ...]
    about: str
    key: str = "record id"
    retention: timedelta | None = None
    writer: Principal | None = None
    former_writers: frozenset[Service] = frozenset()
    national_partitions: int = NATIONAL_PARTITIONS
    local_partitions: int = LOCAL_PARTITIONS
    low_latency: bool = False
    has_heartbeats: bool = False

    def __post_init__(self) -> None:
        if self.writer is None and not self.former_writers:
            object.__setattr__(self, "writer", self.owner)
        if self.kind == "state":
            object.__setattr__(self, "has_heartbeats", True)
            object.__setattr__(self, "events", (*self.events, StateWithheld))
        if self.has_heartbeats:
            object.__setattr__(self, "events", (*self.events, HeartbeatSent))

    def partitions(self, profile: Profile) -> int:
        """Returns the number of partitions in an installation of this size."""
        return self.national_partitions if profile == "national" else self.local_partitions


_BACKGROUND = frozenset(
    {
        *("audit.ledger", "records.deposit-tracking", "records.fact-extraction", "records.reimbursement-feed"),
        "notify.consultation-alerts",
    }
)


@dataclass(frozen=True)
class Group:
    """One consumer group of one service, `<service>.<purpose>`."""

    name: str
    topics: tuple[Topic, ...]
    about: str
    process: ConsumerProcess = "worker"
    """The process of its service that reads it."""

    @property
    def is_background(self) -> bool:
        """Whether no person waits for its effects: the consumer lingers longer and works in larger batches."""
        return self.name in _BACKGROUND

    @property
    def service(self) -> str:
        """The only service that consumes in this group."""
        return self.name.split(".", 1)[0]

    @property
    def is_low_latency(self) -> bool:
        """Whether a person waits for its effects."""
        return any(topic.low_latency for topic in self.topics)

    @property
    def dead_letters(self) -> str:
        """The name of the topic that receives the dead letters of this group."""
        return f"{self.name}.dlt"
