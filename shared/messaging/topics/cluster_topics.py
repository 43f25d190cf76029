"""Compares the topics of a cluster with their declarations, and creates or changes what may be changed.

Nothing is ever deleted, and nothing that deletes: the number of partitions decides the order of a key's messages and
stays; a clean-up policy, or a shorter retention, would delete records that a topic holds.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
)

from shared.messaging.topics.admin import CONNECT_S, TIMEOUT_S
from shared.messaging.topics.layouts import PARTITIONS, POLICY, RETENTION, Difference, TopicLayout

REPLICATION, IN_SYNC = "replication factor", "min.insync.replicas"
FOR_EVER = float("inf")
HINTS = {KafkaError.INVALID_REPLICATION_FACTOR: " For a smaller cluster: --replication-factor, or --profile local."}
Report = Callable[[str], None]
"""Takes one line for the operator."""
_EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # confluent-kafka annotates neither
_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
KEPT: Mapping[str, str] = {
    PARTITIONS: "the number is fixed for ever, because it decides the order of a key's messages: "
    "choose the profile that fits, or have the topic deleted before anything was sent",
    REPLICATION: "change it with kafka-reassign-partitions",
    POLICY: "the topic holds records, which another policy would delete or has deleted: have it deleted and created "
    "anew before the services start, or change it with kafka-configs if nothing was lost",
    RETENTION: "the topic holds records, which a shorter retention deletes: change it with kafka-configs",
    IN_SYNC: "a smaller number could lose acknowledged records: change it with kafka-configs",
}
"""Why a difference stays, and what an operator can do, by setting."""


@dataclass(frozen=True)
class TopicState:
    """A topic as it is on a cluster. `replicas`: the smallest number of any partition."""

    partitions: int
    replicas: int
    config: Mapping[str, str | None]


@dataclass(frozen=True)
class Replication:
    """How many brokers keep each partition, and how many of them must have a record before it is acknowledged."""

    factor: int
    in_sync: int

    def applied_to(self, layouts: Iterable[TopicLayout]) -> list[TopicLayout]:
        """Returns the layouts with `min.insync.replicas`."""
        return [replace(layout, config={**layout.config, IN_SYNC: str(self.in_sync)}) for layout in layouts]


class ClusterTopics:
    """The declared topics on one cluster."""

    def __init__(self, client: AdminClient, layouts: Iterable[TopicLayout], replication: Replication) -> None:
        self._client = client
        self._layouts = replication.applied_to(layouts)
        self._replication = replication

    def differences(self) -> list[Difference]:
        """Returns how the cluster's topics differ from their declarations. Raises KafkaException."""
        states = self._states()
        return [difference for layout in self._layouts for difference in self._compare(layout, states.get(layout.name))]

    def apply(self, report: Report) -> list[Difference]:
        """Creates missing topics and changes what may be changed. Returns what still differs. Raises KafkaException."""
        states = self._states()
        created = self._create([layout for layout in self._layouts if layout.name not in states], report)
        changed = self._change(states, report)
        deadline = time.monotonic() + TIMEOUT_S
        while True:  # the controller answers before the brokers apply a change
            left = self.differences()
            if not changed & set(left) and not created & {difference.topic for difference in left}:
                return left
            if time.monotonic() > deadline:
                return left
            time.sleep(0.05)

    def _compare(self, layout: TopicLayout, state: TopicState | None) -> list[Difference]:
        if state is None:
            return [layout.missing()]
        differences = layout.differences(state.partitions, state.config)
        if state.replicas != self._replication.factor:
            text = f"{REPLICATION} is {state.replicas}, declared is {self._replication.factor}"
            differences.append(Difference(layout.name, REPLICATION, text))
        return differences

    def _states(self) -> dict[str, TopicState]:
        present = self._client.list_topics(timeout=CONNECT_S).topics
        existing = {layout.name: present[layout.name] for layout in self._layouts if layout.name in present}
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in existing]
        configs = self._client.describe_configs(resources) if resources else {}
        config_by_name = {resource.name: future.result(TIMEOUT_S) for resource, future in configs.items()}
        return {
            name: TopicState(
                len(topic.partitions),
                min((len(partition.replicas) for partition in topic.partitions.values()), default=0),
                {entry.name: entry.value for entry in config_by_name[name].values()},
            )
            for name, topic in existing.items()
        }

    def _create(self, missing: Collection[TopicLayout], report: Report) -> set[str]:
        if not missing:
            return set()
        factor = self._replication.factor
        new = [NewTopic(topic.name, topic.partitions, factor, config=dict(topic.config)) for topic in missing]
        created = set()
        for name, future in self._client.create_topics(new, operation_timeout=TIMEOUT_S).items():
            try:
                future.result(TIMEOUT_S)
            except KafkaException as error:
                if (code := error.args[0].code()) != KafkaError.TOPIC_ALREADY_EXISTS:
                    report(f"{name}: not created: {error.args[0].str()}{HINTS.get(code, '')}")
                    continue
            created.add(name)
            report(f"{name}: created")
        return created

    def _change(self, states: Mapping[str, TopicState], report: Report) -> set[Difference]:
        changed: set[Difference] = set()
        for layout in self._layouts:
            state = states.get(layout.name)
            for difference in self._compare(layout, state) if state is not None else ():
                if state is None or not self._may_change(layout, state, difference.setting):
                    report(f"{difference}: kept, {KEPT[difference.setting]}")
                    continue
                self._set(layout.name, difference.setting, layout.config[difference.setting])
                changed.add(difference)
                report(f"{layout.name}: {difference.setting} is now {layout.config[difference.setting]}")
        return changed

    def _may_change(self, layout: TopicLayout, state: TopicState, setting: str) -> bool:
        if setting in (PARTITIONS, REPLICATION):
            return False
        actual, declared = state.config.get(setting), layout.config[setting]
        if setting == IN_SYNC:
            return int(actual or 1) < int(declared)
        if setting == POLICY or (setting == RETENTION and _duration(declared) < _duration(actual or "-1")):
            return self._is_empty(layout.name, state.partitions)
        return True

    def _is_empty(self, topic: str, partitions: int) -> bool:
        return self._offsets(topic, partitions, _EARLIEST) == self._offsets(topic, partitions, _LATEST)

    def _offsets(self, topic: str, partitions: int, spec: OffsetSpec) -> list[int]:
        specs = {TopicPartition(topic, number): spec for number in range(partitions)}
        futures = self._client.list_offsets(specs)
        return [futures[partition].result(TIMEOUT_S).offset for partition in specs]

    def _set(self, topic: str, setting: str, value: str) -> None:
        entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        for future in self._client.incremental_alter_configs([resource]).values():
            future.result(TIMEOUT_S)


def _duration(milliseconds: str) -> float:
    return FOR_EVER if milliseconds == "-1" else float(milliseconds)
