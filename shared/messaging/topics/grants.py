"""The permissions that a broker must enforce, from the declarations in `shared/contracts/topics.py`.

A topic has one writer, the service that its declaration names, or none if it is retired. A service reads the topics
that one of its groups consumes. A group and its dead letters belong to its service alone. `ops` may describe everything
and read nothing; `scaling`, as whom autoscalers read lags, describes groups and their topics. A `prefix` before the
names of topics and groups lets several installations (or tests) share a broker.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from shared.contracts.declarations import SERVICES, Group, Service, Topic
from shared.contracts.topics import GROUPS, TOPICS
from shared.messaging.outbox.lanes import LANES
from shared.messaging.outbox.producer import transactional_id

OPS, SCALING, ADMIN = "ops", "scaling", "admin"
CLUSTER = "kafka-cluster"


@dataclass(frozen=True)
class Grant:
    """A permission of a user for an operation on a resource."""

    user: str
    operation: str
    kind: str
    resource: str

    def __str__(self) -> str:
        return f"{self.user} may {self.operation} {self.kind.lower().replace('_', ' ')} {self.resource}"


def declared_grants(prefix: str = "") -> set[Grant]:
    """Returns all permissions that follow from the declarations."""
    grants = {grant for topic in TOPICS for grant in _of_topic(topic, prefix)}
    grants |= {grant for group in GROUPS for grant in _of_group(group, prefix)}
    grants |= {grant for service in SERVICES for grant in _of_relay(service, prefix)}
    everything = (("TOPIC", "*"), ("GROUP", "*"), ("BROKER", CLUSTER))
    grants |= {Grant(OPS, "DESCRIBE", kind, name) for kind, name in everything}
    return grants | {Grant(OPS, "DESCRIBE_CONFIGS", "TOPIC", "*")}


def still_needed(unsent: Collection[tuple[str, str]], prefix: str) -> set[Grant]:
    """Returns the permissions of former writers for retired topics, whose outboxes hold rows for them.

    `unsent`: (service, topic) of these outboxes.
    """
    former = {(service, topic.name) for topic in TOPICS for service in topic.former_writers}
    return {grant for service, topic in former & set(unsent) for grant in _to_write(service, prefix + topic)}


def _of_topic(topic: Topic, prefix: str) -> Iterable[Grant]:
    if topic.writer is not None:
        yield from _to_write(topic.writer, prefix + topic.name)
        yield Grant(topic.writer, "DESCRIBE_CONFIGS", "TOPIC", prefix + topic.name)


def _to_write(service: str, topic: str) -> Iterable[Grant]:
    yield Grant(service, "WRITE", "TOPIC", topic)
    yield Grant(service, "DESCRIBE", "TOPIC", topic)


def _of_group(group: Group, prefix: str) -> Iterable[Grant]:
    for topic in group.topics:
        for operation in ("READ", "DESCRIBE", "DESCRIBE_CONFIGS"):
            yield Grant(group.service, operation, "TOPIC", prefix + topic.name)
        yield Grant(SCALING, "DESCRIBE", "TOPIC", prefix + topic.name)
    yield Grant(group.service, "READ", "GROUP", prefix + group.name)
    yield Grant(SCALING, "DESCRIBE", "GROUP", prefix + group.name)
    for operation in ("WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"):
        yield Grant(group.service, operation, "TOPIC", prefix + group.dead_letters)


def _of_relay(service: Service, prefix: str) -> Iterable[Grant]:
    """Yields the permissions of a service's relay: its transactional ids, and reading its own topics for recovery."""
    for lane in range(LANES):
        for operation in ("WRITE", "DESCRIBE"):
            yield Grant(service, operation, "TRANSACTIONAL_ID", transactional_id(prefix, service, lane))
    for topic in TOPICS:
        if topic.writer == service:
            yield Grant(service, "READ", "TOPIC", prefix + topic.name)
