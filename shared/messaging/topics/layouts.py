"""The topics that a cluster must have, from the declarations in `shared/contracts/topics.py`, and what differs."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.contracts.declarations import Group, Profile, Topic
from shared.contracts.topics import COMPACTED_WITHIN, DEAD_LETTERS_KEPT, GROUPS, SEGMENT_SPAN, TOPICS

POLICY, RETENTION, PARTITIONS, MISSING = "cleanup.policy", "retention.ms", "partitions", "missing"


@dataclass(frozen=True)
class Difference:
    """A difference between a topic and its declaration. `setting`: the name of the setting that differs."""

    topic: str
    setting: str
    text: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.text}"


@dataclass(frozen=True)
class TopicLayout:
    """The declared name, partitions and configuration of a topic on a broker."""

    name: str
    partitions: int
    config: Mapping[str, str]

    def differences(self, partitions: int, config: Mapping[str, str | None]) -> list[Difference]:
        """Compares the declaration with the partitions and the configuration of an existing topic."""
        actual = {PARTITIONS: str(partitions), **config}
        declared = {PARTITIONS: str(self.partitions), **self.config}
        return [
            Difference(self.name, setting, f"{setting} is {actual.get(setting)}, declared is {value}")
            for setting, value in declared.items()
            if actual.get(setting) != value
        ]

    def missing(self) -> Difference:
        """Returns the difference of a topic that does not exist."""
        return Difference(self.name, MISSING, "does not exist")


def declared_topics(prefix: str = "", profile: Profile = "local") -> list[TopicLayout]:
    """Returns all declared topics and the dead-letter topics of all groups."""
    return [*layouts_of(TOPICS, prefix, profile), *dead_letter_layouts(GROUPS, prefix)]


def topics_of_worker(service: str, groups: Collection[Group], prefix: str, profile: Profile) -> list[TopicLayout]:
    """Returns what a worker with these groups reads and writes.

    A retired topic to which the service may still send old rows is not among them: no permission to look is left.
    """
    read = {topic for group in groups for topic in group.topics}
    used = [topic for topic in TOPICS if topic in read or topic.writer == service]
    return [*layouts_of(used, prefix, profile), *dead_letter_layouts(groups, prefix)]


def layouts_of(topics: Iterable[Topic], prefix: str, profile: Profile) -> list[TopicLayout]:
    """Returns the layouts of declared topics."""
    return [TopicLayout(prefix + topic.name, topic.partitions(profile), _config(topic)) for topic in topics]


def dead_letter_layouts(groups: Iterable[Group], prefix: str) -> list[TopicLayout]:
    """Returns the layouts of the dead-letter topics of groups; dead letters are few, one partition suffices."""
    return [TopicLayout(prefix + group.dead_letters, 1, _policy("delete", DEAD_LETTERS_KEPT)) for group in groups]


def _config(topic: Topic) -> dict[str, str]:
    return _policy("compact" if topic.kind == "state" else "delete", topic.retention)


def _policy(policy: str, kept: timedelta | None) -> dict[str, str]:
    """Returns a clean-up policy's configuration; without `segment.ms` a quiet topic's last segment stays uncleaned."""
    config = {POLICY: policy, RETENTION: _milliseconds(kept), "segment.ms": _milliseconds(SEGMENT_SPAN)}
    if policy == "compact":
        config["max.compaction.lag.ms"] = _milliseconds(COMPACTED_WITHIN)
    return config


def _milliseconds(kept: timedelta | None) -> str:
    return "-1" if kept is None else str(kept // timedelta(milliseconds=1))
