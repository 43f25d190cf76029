"""Reads the metrics of the workers: what each consumer group says of itself, and services to recover."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.local.platform.errors import LocalError

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


async def fetch_pages(installation: Mapping[str, Any]) -> dict[str, str]:
    """Returns the metrics page of each worker that answers, by the service's name."""
    from deploy.local.demo.client import connect, send

    names = list(installation.get("services", {}))

    async def page(name: str) -> str | None:
        try:
            return (await send(dmp.http, dmp.urls, "GET", f"{name}-worker", "/metrics")).text
        except LocalError:
            return None

    if not names:
        return {}
    async with connect(installation) as dmp:
        pages = await asyncio.gather(*(page(name) for name in names))
    return {name: text for name, text in zip(names, pages, strict=True) if text is not None}


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
