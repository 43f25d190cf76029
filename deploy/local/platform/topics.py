"""Makes topics and ACLs on a broker from the declarations in `shared/contracts/topics.py`; idempotent.

A topic has one writer, the service that its declaration names, or none if it is retired. A service reads the topics
that one of its groups consumes. A group and its dead letters belong to its service alone. `ops` may describe everything
and read nothing. A `prefix` before the names of topics and groups lets several installations (or tests) share a broker.

The end of a retired topic: its former writers have the permissions that an earlier release has granted. `grant` renews
none of them, and revokes each once that service's outbox holds no row for the topic. A revoked permission never
returns, so no record follows the one that was the last at the revocation.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from deploy.local.platform.errors import LocalError
from deploy.local.platform.kafka import OPS, Credentials, admin_client
from shared.contracts.declarations import SERVICES, Group, Service, Topic
from shared.contracts.topics import COMPACTED_WITHIN, DEAD_LETTERS_KEPT, GROUPS, SEGMENT_SPAN, TOPICS
from shared.messaging.outbox.lanes import LANES
from shared.messaging.outbox.producer import transactional_id

_TIMEOUT = 30.0
_CLUSTER = "kafka-cluster"


@dataclass(frozen=True)
class TopicLayout:
    """The declared name, partitions and configuration of a topic on a broker."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class Grant:
    """A permission of a user for an operation on a resource."""

    user: str
    operation: str
    kind: str
    resource: str

    def binding(self) -> AclBinding:
        """Returns the permission as an ACL of the broker."""
        return AclBinding(
            ResourceType[self.kind],
            self.resource,
            ResourcePatternType.LITERAL,
            f"User:{self.user}",
            "*",
            AclOperation[self.operation],
            AclPermissionType.ALLOW,
        )


def declared_topics(prefix: str = "") -> list[TopicLayout]:
    """Returns all declared topics and the dead-letter topics of all groups, with the partitions of one machine."""
    topics = [TopicLayout(prefix + topic.name, topic.local_partitions, _config(topic)) for topic in TOPICS]
    letters = _policy("delete", DEAD_LETTERS_KEPT)
    return topics + [TopicLayout(prefix + group.dead_letters, 1, letters) for group in GROUPS]


def declared_grants(prefix: str = "") -> set[Grant]:
    """Returns all permissions that follow from the declarations."""
    grants = {grant for topic in TOPICS for grant in _of_topic(topic, prefix)}
    grants |= {grant for group in GROUPS for grant in _of_group(group, prefix)}
    grants |= {grant for service in SERVICES for grant in _of_relay(service, prefix)}
    everything = (("TOPIC", "*"), ("GROUP", "*"), ("BROKER", _CLUSTER))
    return grants | {Grant(OPS, "DESCRIBE", kind, name) for kind, name in everything}


def create_topics(bootstrap: str, admin: Credentials | None, prefix: str = "") -> None:
    """Creates the missing topics, and sets the declared configuration of the others.

    Raises LocalError if a topic has another number of partitions than declared: that number never changes.
    """
    client = admin_client(bootstrap, admin)
    declared = declared_topics(prefix)
    present = client.list_topics(timeout=_TIMEOUT).topics
    for layout in declared:
        topic = present.get(layout.name)
        if topic is not None and len(topic.partitions) != layout.partitions:
            raise LocalError(
                f"topic {layout.name} has {len(topic.partitions)} partitions, {layout.partitions} are declared: "
                "the number never changes, declare a new topic instead"
            )
    missing = [layout for layout in declared if layout.name not in present]
    if missing:
        new = [NewTopic(topic.name, topic.partitions, 1, config=dict(topic.config)) for topic in missing]
        created = client.create_topics(new, operation_timeout=_TIMEOUT)
        _settle(created, ignore=KafkaError.TOPIC_ALREADY_EXISTS)
    existing = [_desired_config(layout) for layout in declared if layout.name in present]
    if existing:
        _settle(client.incremental_alter_configs(existing))


def grant(
    bootstrap: str, admin: Credentials, prefix: str = "", *, unsent: Collection[tuple[str, str]] = frozenset()
) -> None:
    """Grants every declared permission, and revokes the services' permissions that are no longer declared.

    `unsent`: (service, topic) of outboxes that hold rows for a retired topic. Call it only when no process of the
    former release runs any more, because that could still send to a retired topic. Raises LocalError.
    """
    client = admin_client(bootstrap, admin)
    present = {acl for acl in _present(client) if _is_ours(acl, prefix)}
    required = declared_grants(prefix) | (present & _still_needed(unsent, prefix))
    if missing := required - present:
        _settle(client.create_acls([grant.binding() for grant in missing]))
        _wait_in_force(client, missing)
    if stale := present - required:
        _settle(client.delete_acls([filter_of(grant) for grant in stale]))


def _wait_in_force(client: AdminClient, granted: set[Grant]) -> None:
    """Waits until the broker applies the permissions: the controller answers before that."""
    deadline = time.monotonic() + _TIMEOUT
    while not granted <= _present(client):
        if time.monotonic() > deadline:
            raise LocalError("the broker does not apply its permissions: look into its log")
        time.sleep(0.05)


def _config(topic: Topic) -> dict[str, str]:
    return _policy("compact" if topic.kind == "state" else "delete", topic.retention)


def _policy(policy: str, kept: timedelta | None) -> dict[str, str]:
    """Returns a clean-up policy's configuration; without `segment.ms` a quiet topic's last segment stays uncleaned."""
    return {
        "cleanup.policy": policy,
        "retention.ms": _milliseconds(kept),
        "segment.ms": _milliseconds(SEGMENT_SPAN),
        "max.compaction.lag.ms": _milliseconds(COMPACTED_WITHIN),
    }


def _milliseconds(kept: timedelta | None) -> str:
    return "-1" if kept is None else str(kept // timedelta(milliseconds=1))


def _of_topic(topic: Topic, prefix: str) -> Iterable[Grant]:
    if topic.writer is not None:
        yield from _to_write(topic.writer, prefix + topic.name)


def _to_write(service: str, topic: str) -> Iterable[Grant]:
    yield Grant(service, "WRITE", "TOPIC", topic)
    yield Grant(service, "DESCRIBE", "TOPIC", topic)


def _still_needed(unsent: Collection[tuple[str, str]], prefix: str) -> set[Grant]:
    former = {(service, topic.name) for topic in TOPICS for service in topic.former_writers}
    return {grant for service, topic in former & set(unsent) for grant in _to_write(service, prefix + topic)}


def _of_group(group: Group, prefix: str) -> Iterable[Grant]:
    for topic in group.topics:
        yield Grant(group.service, "READ", "TOPIC", prefix + topic.name)
        yield Grant(group.service, "DESCRIBE", "TOPIC", prefix + topic.name)
    yield Grant(group.service, "READ", "GROUP", prefix + group.name)
    for operation in ("WRITE", "DESCRIBE"):
        yield Grant(group.service, operation, "TOPIC", prefix + group.dead_letters)


def _of_relay(service: Service, prefix: str) -> Iterable[Grant]:
    """Yields the permissions of a service's relay: its transactional ids, and reading its own topics for recovery."""
    for lane in range(LANES):
        for operation in ("WRITE", "DESCRIBE"):
            yield Grant(service, operation, "TRANSACTIONAL_ID", transactional_id(prefix, service, lane))
    for topic in TOPICS:
        if topic.writer == service:
            yield Grant(service, "READ", "TOPIC", prefix + topic.name)


def _present(client: AdminClient) -> set[Grant]:
    acls = client.describe_acls(_filter()).result(_TIMEOUT)
    return {Grant(acl.principal.removeprefix("User:"), acl.operation.name, acl.restype.name, acl.name) for acl in acls}


def _is_ours(grant: Grant, prefix: str) -> bool:
    """Returns whether a permission belongs to this prefix; without one, to a resource named after a service."""
    if grant.user == OPS:
        return not prefix or grant in declared_grants(prefix)
    if prefix:
        return grant.resource.startswith(prefix)
    return grant.resource.replace("-relay", ".").split(".", 1)[0] in SERVICES


def _filter() -> AclBindingFilter:
    pattern, operation, permission = ResourcePatternType.ANY, AclOperation.ANY, AclPermissionType.ANY
    # None matches any name, user and host; the type stubs allow only str.
    return AclBindingFilter(ResourceType.ANY, None, pattern, None, None, operation, permission)  # type: ignore[arg-type]


def filter_of(grant: Grant) -> AclBindingFilter:
    """Returns the filter that matches exactly this permission on the broker."""
    acl = grant.binding()
    pattern = acl.resource_pattern_type
    return AclBindingFilter(acl.restype, acl.name, pattern, acl.principal, acl.host, acl.operation, acl.permission_type)


def _desired_config(layout: TopicLayout) -> ConfigResource:
    how = AlterConfigOpType.SET
    entries = [ConfigEntry(name, value, incremental_operation=how) for name, value in layout.config.items()]
    return ConfigResource(ConfigResource.Type.TOPIC, layout.name, incremental_configs=entries)


def _settle(futures: Mapping[Any, Future[Any]], ignore: int | None = None) -> None:
    for future in futures.values():
        try:
            future.result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != ignore:
                raise
