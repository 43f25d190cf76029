"""`dmp topics`: shows size and growth of each topic, lag and dead letters of its consumer groups."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from deploy.cli.worker_metrics import GroupMetrics, groups_in
from deploy.local.cli.commands.common import read_installation, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.interruptible import run
from deploy.local.cli.worker_metrics import fetch_pages
from deploy.local.platform.errors import LocalError
from deploy.local.platform.kafka import Credentials, admin_client
from shared.contracts.topics import GROUPS, TOPICS
from shared.messaging.topics.grants import OPS

_TIMEOUT = 10.0
SampleOption = Annotated[
    float, typer.Option("--sample", min=0, max=60, help="Seconds over which the rate is measured.")
]
Offsets = dict[tuple[str, int], int]


@dataclass(frozen=True)
class TopicState:
    """A topic's size and growth: `records` on the broker, `rate` in records per second."""

    topic: str
    partitions: int
    records: int
    rate: float


@dataclass(frozen=True)
class LagState:
    """A consumer group's lag on one topic. `seconds_behind`: None if its worker does not answer."""

    group: str
    topic: str
    lag: int
    seconds_behind: float | None


@dataclass(frozen=True)
class GroupState:
    """A consumer group's dead letters, and the messages parked behind them or for a newer copy; None: unknown."""

    group: str
    dead_letters: int | None
    parked: int | None
    is_stopped: bool | None


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(topics)


def topics(var: VarOption, sample: SampleOption = 1.0, as_json: JsonOption = False) -> None:
    """Show each topic (records, rate), the lag of each consumer group on it, and each group's dead letters.

    A dead letter is counted once, and no more once an operator has redriven or discarded it.

    Exit codes: 0 shown, 1 the broker does not answer, 3 nothing runs.

    Example: dmp topics --sample 5
    """
    states, lags, groups = run(_measure(read_installation(var), sample))
    if as_json:
        show_json(
            {
                name: [vars(state) for state in part]
                for name, part in (("topics", states), ("lags", lags), ("groups", groups))
            }
        )
        return
    show_table(
        ("topic", "partitions", "records", "records/s"),
        [(state.topic, state.partitions, state.records, f"{state.rate:.1f}") for state in states],
        "no topic",
    )
    print()
    show_table(
        ("group", "topic", "lag", "seconds behind"),
        [(state.group, state.topic, state.lag, _seconds(state.seconds_behind)) for state in lags],
        "no group",
    )
    print()
    show_table(
        ("group", "dead letters", "parked", "stopped"),
        [(state.group, state.dead_letters, state.parked, _yes_or_no(state.is_stopped)) for state in groups],
        "no group",
    )
    counts = [state.dead_letters for state in groups if state.dead_letters is not None]
    print(f"\n{sum(counts)} dead letters" + ("" if len(counts) == len(groups) else "; some workers do not answer"))


async def _measure(
    installation: Mapping[str, Any], sample: float
) -> tuple[list[TopicState], list[LagState], list[GroupState]]:
    kafka = installation["kafka"]
    broker = Broker(kafka["bootstrap"], Credentials(OPS, kafka["passwords"][OPS]))
    first, started = await asyncio.to_thread(broker.ends), time.monotonic()
    await asyncio.sleep(sample)
    last, took = await asyncio.to_thread(broker.ends), time.monotonic() - started
    starts = await asyncio.to_thread(broker.starts)
    committed = await asyncio.to_thread(broker.committed)
    pages = await fetch_pages(installation)
    metrics = groups_in(pages.values())
    lags = lag_states(starts, last, committed, metrics)
    return topic_states(starts, first, last, took), lags, group_states(metrics, pages)


def topic_states(starts: Offsets, first: Offsets, last: Offsets, seconds: float) -> list[TopicState]:
    """Returns the size of each declared topic, and its rate between two measurements."""
    states = []
    for topic in TOPICS:
        places = [place for place in last if place[0] == topic.name]
        grown = sum(last[place] - first.get(place, 0) for place in places)
        held = sum(last[place] - starts.get(place, 0) for place in places)
        states.append(TopicState(topic.name, len(places), held, grown / seconds if seconds > 0 else 0.0))
    return states


def lag_states(
    starts: Offsets, last: Offsets, committed: Mapping[str, Offsets], metrics: Mapping[str, GroupMetrics]
) -> list[LagState]:
    """Returns the lag of each declared group on each of its topics."""
    states = []
    for group in GROUPS:
        positions = committed.get(group.name, {})
        behind = metrics[group.name].seconds_behind if group.name in metrics else {}
        for topic in group.topics:
            places = [place for place in last if place[0] == topic.name]
            lag = sum(last[place] - positions.get(place, starts.get(place, 0)) for place in places)
            states.append(LagState(group.name, topic.name, lag, behind.get(topic.name)))
    return states


def group_states(metrics: Mapping[str, GroupMetrics], services: Collection[str]) -> list[GroupState]:
    """Returns the dead letters and parked messages of each declared group. `services`: those whose workers answer."""
    states = []
    for group in GROUPS:
        if group.name.partition(".")[0] not in services:
            states.append(GroupState(group.name, None, None, None))
            continue
        group_metrics = metrics.get(group.name, GroupMetrics())
        stopped = group_metrics.is_stopped or bool(group_metrics.lost_topics)
        states.append(GroupState(group.name, group_metrics.dead_letters, group_metrics.parked, stopped))
    return states


class Broker:
    """Reads offsets from a broker, as the user who may describe everything and read nothing."""

    def __init__(self, bootstrap: str, credentials: Credentials) -> None:
        self._client = admin_client(bootstrap, credentials)

    def starts(self) -> Offsets:
        """Returns the first offset that each partition still has. Raises LocalError."""
        from confluent_kafka.admin import OffsetSpec

        return self._offsets(OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # untyped in the library

    def ends(self) -> Offsets:
        """Returns the offset of each partition's next record. Raises LocalError."""
        from confluent_kafka.admin import OffsetSpec

        return self._offsets(OffsetSpec.latest())  # type: ignore[no-untyped-call]  # untyped in the library

    def committed(self) -> dict[str, Offsets]:
        """Returns the committed offsets of each declared group. Raises LocalError."""
        from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException

        requests = [self._client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(g.name)]) for g in GROUPS]
        offsets: dict[str, Offsets] = {}
        for futures in requests:
            for name, future in futures.items():
                try:
                    partitions = future.result(_TIMEOUT).topic_partitions
                except KafkaException as error:
                    raise LocalError(f"the broker does not list the offsets of {name}: {_reason_of(error)}") from error
                offsets[name] = {
                    (partition.topic, partition.partition): partition.offset
                    for partition in partitions
                    if partition.offset >= 0
                }
        return offsets

    def _offsets(self, at: Any) -> Offsets:
        from confluent_kafka import KafkaException, TopicPartition

        names = {topic.name for topic in TOPICS}
        try:
            listed = self._client.list_topics(timeout=_TIMEOUT).topics
            requests = {
                TopicPartition(name, number): at
                for name, topic in listed.items()
                if name in names
                for number in topic.partitions
            }
            futures = self._client.list_offsets(requests)
            return {(place.topic, place.partition): future.result(_TIMEOUT).offset for place, future in futures.items()}
        except KafkaException as error:
            raise LocalError(f"the broker does not answer: {_reason_of(error)}; look with `dmp status`") from error


def _reason_of(error: Exception) -> str:
    return str(getattr(error.args[0], "str", lambda: error.args[0])()) if error.args else "no reason given"


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f} s"


def _yes_or_no(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"
