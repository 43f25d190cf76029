"""Watches the topics that a worker reads and writes: one that differs from its declaration is not used.

Nothing is read from such a topic and nothing is sent to it. A state topic whose old states the broker deletes would
look complete and not be so; with another number of partitions the messages of a key lose their order; a shorter
retention loses messages, a longer one keeps what an erasure receipt says is gone.
"""

import asyncio
from collections.abc import Collection
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code

from shared.contracts.declarations import Group
from shared.messaging.cluster_metadata import partitions_of
from shared.messaging.connection import aiokafka_options
from shared.messaging.topics.layouts import MISSING, Difference, TopicLayout, topics_of_worker
from shared.runtime.logs import log, log_limited
from shared.runtime.metrics import TOPIC_DIFFERENCES
from shared.runtime.settings import KafkaSettings

RECHECK_S, RECHECK_DIFFERING_S = 30.0, 2.0
"""Seconds between two checks: while all is as declared, and while something differs or is unknown."""
LONGEST_CHECK_S = 15.0
UNREADABLE = "configuration"


class TopicWatch:
    """The differences of a worker's topics from their declarations, as last seen. Topics are named without prefix.

    Until the first check no topic is used. While the broker cannot be asked, the last answer stays.
    """

    def __init__(self, settings: KafkaSettings, service: str, groups: Collection[Group]) -> None:
        self._settings = settings
        layouts = topics_of_worker(service, groups, settings.prefix, settings.profile)
        self._layouts = {layout.name.removeprefix(settings.prefix): layout for layout in layouts}
        self._differences: dict[str, tuple[Difference, ...]] | None = None
        for topic in self._layouts:
            TOPIC_DIFFERENCES.labels(topic).set(0)

    @property
    def unusable(self) -> Collection[str] | None:
        """The topics that must be neither read nor written now; None before the first check."""
        return self._differences

    @property
    def can_start(self) -> bool:
        """Whether every topic exists: a client that asks for a missing one might create it, with other settings."""
        if self._differences is None:
            return False
        return not any(each.setting == MISSING for listed in self._differences.values() for each in listed)

    def is_usable(self, group: Group) -> bool:
        """Returns whether a group's topics and the topic of its dead letters are as declared."""
        names = {*(topic.name for topic in group.topics), group.dead_letters}
        return self._differences is not None and names.isdisjoint(self._differences)

    def complaints(self) -> list[str]:
        """Returns one line for each difference; none when all topics are as declared."""
        if self._differences is None:
            return ["the topics have not been checked yet"]
        return [str(difference) for differences in self._differences.values() for difference in differences]

    async def check(self) -> None:
        """Compares the topics with their declarations. Logs each topic that begins or ends to differ."""
        try:
            async with asyncio.timeout(LONGEST_CHECK_S):
                compared = await self._compare()
        except (KafkaError, OSError, TimeoutError) as error:
            log_limited("topics.unchecked", error)
            return
        differences = {topic: tuple(listed) for topic, listed in compared.items() if listed}
        self._note_changes(self._differences or {}, differences)
        self._differences = differences

    async def wait(self) -> None:
        """Waits until the next check is due."""
        await asyncio.sleep(RECHECK_S if self._differences == {} else RECHECK_DIFFERING_S)

    async def _compare(self) -> dict[str, list[Difference]]:
        admin = AIOKafkaAdminClient(**aiokafka_options(self._settings))
        try:
            await admin.start()
            names = [layout.name for layout in self._layouts.values()]
            partitions = await partitions_of(admin, names)
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
            answers = await admin.describe_configs(resources)
        finally:
            await admin.close()
        configs = {entry["resource_name"]: entry for answer in answers for entry in answer.to_object()["resources"]}
        return {
            topic: _differences(layout, len(partitions.get(layout.name, ())), configs[layout.name])
            for topic, layout in self._layouts.items()
        }

    def _note_changes(
        self, before: dict[str, tuple[Difference, ...]], after: dict[str, tuple[Difference, ...]]
    ) -> None:
        for topic in before.keys() - after.keys():
            log("topic.conforms", topic=topic)
        for topic, differences in after.items():
            for difference in differences if differences != before.get(topic) else ():
                log("topic.differs", topic=topic, code=difference.setting)
        for topic in self._layouts:
            TOPIC_DIFFERENCES.labels(topic).set(len(after.get(topic, ())))


def _differences(layout: TopicLayout, partitions: int, described: Any) -> list[Difference]:
    if described["error_code"] == UnknownTopicOrPartitionError.errno:
        return [layout.missing()]
    if described["error_code"]:
        error = for_code(described["error_code"])
        text = f"cannot be checked ({error.__name__}): DESCRIBE and DESCRIBE_CONFIGS are needed"
        return [Difference(layout.name, UNREADABLE, text)]
    config = {entry["config_names"]: entry["config_value"] for entry in described["config_entries"]}
    return layout.differences(partitions, config)
