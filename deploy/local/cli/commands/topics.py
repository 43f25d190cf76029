"""`dmp topics`: shows the size and growth of each topic, and the lag of its consumer groups."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import read_installation, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.interruptible import run
from deploy.local.demo.client import connect, send
from deploy.local.platform.errors import LocalError
from deploy.local.platform.kafka import Credentials, admin_client
from deploy.local.platform.services import NAMES
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
class GroupState:
    """A consumer group's lag on one topic, its dead letters and its parked messages (of all topics)."""

    group: str
    topic: str
    lag: int
    seconds_behind: float | None
    dead_letters: int
    waiting: int


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(topics)


def topics(var: VarOption, sample: SampleOption = 1.0, as_json: JsonOption = False) -> None:
    """Show each topic (records, rate) and each consumer group (lag, dead letters, parked messages).

    Exit codes: 0 shown, 1 the broker does not answer, 3 nothing runs.

    Example: dmp topics --sample 5
    """
    states, groups = run(_measure(read_installation(var), sample))
    if as_json:
        show_json({"topics": [vars(state) for state in states], "groups": [vars(group) for group in groups]})
        return
    show_table(
        ("topic", "partitions", "records", "records/s"),
        [(state.topic, state.partitions, state.records, f"{state.rate:.1f}") for state in states],
        "no topic",
    )
    show_table(
        ("group", "topic", "lag", "seconds behind", "dead letters", "parked"),
        [
            (state.group, state.topic, state.lag, _seconds(state.seconds_behind), state.dead_letters, state.waiting)
            for state in groups
        ],
        "no group",
    )


async def _measure(installation: Mapping[str, Any], sample: float) -> tuple[list[TopicState], list[GroupState]]:
    kafka = installation["kafka"]
    broker = Broker(kafka["bootstrap"], Credentials(OPS, kafka["passwords"][OPS]))
    first, started = await asyncio.to_thread(broker.ends), time.monotonic()
    await asyncio.sleep(sample)
    last, took = await asyncio.to_thread(broker.ends), time.monotonic() - started
    starts = await asyncio.to_thread(broker.starts)
    committed = await asyncio.to_thread(broker.committed)
    return topic_states(starts, first, last, took), group_states(starts, last, committed, await _metrics(installation))


def topic_states(starts: Offsets, first: Offsets, last: Offsets, seconds: float) -> list[TopicState]:
    """Returns the size of each declared topic, and its rate between two measurements."""
    states = []
    for topic in TOPICS:
        places = [place for place in last if place[0] == topic.name]
        grown = sum(last[place] - first.get(place, 0) for place in places)
        held = sum(last[place] - starts.get(place, 0) for place in places)
        states.append(TopicState(topic.name, len(places), held, grown / seconds if seconds > 0 else 0.0))
    return states


def group_states(
    starts: Offsets, last: Offsets, committed: Mapping[str, Offsets], metrics: Mapping[str, float]
) -> list[GroupState]:
    """Returns the lag of each declared group. `metrics`: the workers' metrics by `<metric> <labels...>`."""
    states = []
    for group in GROUPS:
        dead_letters = sum(last[place] - starts.get(place, 0) for place in last if place[0] == group.dead_letters)
        for topic in group.topics:
            places = [place for place in last if place[0] == topic.name]
            positions = committed.get(group.name, {})
            lag = sum(last[place] - positions.get(place, starts.get(place, 0)) for place in places)
            seconds_behind = metrics.get(f"consumer_lag_seconds {group.name} {topic.name}")
            waiting = sum(
                int(value) for name, value in metrics.items() if name.startswith(f"parked_messages {group.name} ")
            )
            states.append(GroupState(group.name, topic.name, lag, seconds_behind, dead_letters, waiting))
    return states


def metrics_in(text: str) -> dict[str, float]:
    """Returns `consumer_lag_seconds` and `parked_messages` of a metrics page by `<metric> <labels...>`."""
    from prometheus_client.parser import text_string_to_metric_families

    return {
        " ".join(
            (sample.name, sample.labels["group"], sample.labels.get("topic") or sample.labels["reason"])
        ): sample.value
        for family in text_string_to_metric_families(text)
        if family.name in ("consumer_lag_seconds", "parked_messages")
        for sample in family.samples
    }


async def _metrics(installation: Mapping[str, Any]) -> dict[str, float]:
    """Returns the metrics of all workers that answer."""
    seen: dict[str, float] = {}
    async with connect(installation) as dmp:
        for name in NAMES:
            with contextlib.suppress(LocalError):
                page = await send(dmp.http, dmp.urls, "GET", f"{name}-worker", "/metrics")
                seen |= metrics_in(page.text)
    return seen


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

        names = {topic.name for topic in TOPICS} | {group.dead_letters for group in GROUPS}
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
