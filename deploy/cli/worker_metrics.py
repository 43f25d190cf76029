"""Reads the metrics of the workers: what each consumer group says of itself, and services to recover."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_DEAD = ("dead", "expired")


@dataclass
class GroupMetrics:
    """What a worker says about one consumer group.

    `dead_letters`: those that an operator has not dealt with. `parked`: messages that wait behind them or for a newer
    copy. `seconds_behind`: by topic. `lost_topics`: those of which a stored offset is gone from Kafka.
    """

    dead_letters: int = 0
    parked: int = 0
    is_stopped: bool = False
    seconds_behind: dict[str, float] = field(default_factory=dict)
    lost_topics: list[str] = field(default_factory=list)


def groups_in(pages: Iterable[str]) -> dict[str, GroupMetrics]:
    """Returns the metrics of each consumer group that the pages name."""
    from prometheus_client.parser import text_string_to_metric_families

    groups: dict[str, GroupMetrics] = {}
    for text in pages:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if family.name in _READERS:
                    metrics = groups.setdefault(sample.labels["group"], GroupMetrics())
                    _READERS[family.name](metrics, sample.labels, sample.value)
    return groups


def services_to_recover(pages: Mapping[str, str]) -> list[str]:
    """Returns the services that announce nothing, because their database lacks what they announced once."""
    needed = "outbox_recovery_needed 1.0"
    return [name for name, text in sorted(pages.items()) if needed in text.splitlines()]


def stopped_consumers(groups: Mapping[str, GroupMetrics]) -> dict[str, str]:
    """Returns the groups that do not consume, or not every partition, with the reason."""
    stopped = {}
    for group, metrics in sorted(groups.items()):
        if metrics.is_stopped:
            stopped[group] = "too many of its messages fail; it tries one at a time"
        elif metrics.lost_topics:
            stopped[group] = f"Kafka no longer has its stored offset of {', '.join(metrics.lost_topics)}"
    return stopped


def findings(groups: Mapping[str, GroupMetrics], silent: list[str], to_recover: list[str]) -> list[str]:
    """Returns one line each for dead letters, stopped consumers, services to recover and workers that do not answer."""
    dead = {group: metrics.dead_letters for group, metrics in sorted(groups.items()) if metrics.dead_letters}
    listed = ", ".join(f"{group} {count}" for group, count in dead.items())
    lines = [f"dead letters: {sum(dead.values())} ({listed}); look with `dmp dlt list`" if dead else "no dead letter"]
    stopped = stopped_consumers(groups)
    lines += [f"stopped consumer: {group}: {reason}" for group, reason in stopped.items()]
    if not stopped:
        lines.append("no stopped consumer")
    lines += [
        f"{name} announces nothing: its database lacks what it announced before; run `dmp recover {name}`"
        for name in to_recover
    ]
    if silent:
        lines.append(f"unknown for {', '.join(silent)}: the worker does not answer")
    return lines


def _read_parked(metrics: GroupMetrics, labels: Mapping[str, str], value: float) -> None:
    if labels["reason"] in _DEAD:
        metrics.dead_letters += int(value)
    else:
        metrics.parked += int(value)


def _read_stopped(metrics: GroupMetrics, _: Mapping[str, str], value: float) -> None:
    metrics.is_stopped = value > 0


def _read_lag(metrics: GroupMetrics, labels: Mapping[str, str], value: float) -> None:
    metrics.seconds_behind[labels["topic"]] = value


def _read_lost(metrics: GroupMetrics, labels: Mapping[str, str], value: float) -> None:
    if value > 0:
        metrics.lost_topics.append(labels["topic"])


_READERS = {
    "parked_messages": _read_parked,
    "consumer_stopped": _read_stopped,
    "consumer_lag_seconds": _read_lag,
    "consumer_offsets_lost": _read_lost,
}
