"""Conditions that prove that no database lost a commit: its offsets and its announcements agree with the topics."""

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from confluent_kafka import Consumer, TopicPartition

from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from shared.contracts.declarations import Group
from shared.contracts.topics import GROUPS, TOPICS
from tests.chaos.checks import Check, equal
from tests.chaos.restoring import recover
from tests.chaos.topic_records import READ_WITHIN_S, headers_of, partitions_of, read_to_end, topic_reader

OFFSETS: Final = "select topic, partition, next from consumer_offsets where group_name = $1"
HANDLED_WITHIN_S: Final = 60.0
LOSS: Final = '"event":"relay.recovery_needed"'
Place = tuple[str, int]
"""A topic and the number of a partition of it."""


async def check_offsets(stack: Stack) -> list[Check]:
    """Returns the checks that the databases and the topics tell the same story."""
    states = await asyncio.to_thread(read_announcements, stack)
    return [*await check_consumers(stack), *await check_relays(stack), *states.checks()]


# -- Consumers: what each group has handled ----------------------------------------------------------------------------


@dataclass
class GroupPositions:
    """Where the groups stand: offsets that are missing or beyond their topic, and the number of unhandled records."""

    partitions: int = 0
    wrong: list[str] = field(default_factory=list)
    unhandled: list[str] = field(default_factory=list)


async def check_consumers(stack: Stack) -> list[Check]:
    """Checks that each group stands at the end of its topics. Heartbeats go on, so it may take some attempts."""
    deadline = time.monotonic() + HANDLED_WITHIN_S
    while True:
        positions = await _read_positions(stack)
        if not positions.unhandled or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    right = positions.partitions - len(positions.wrong)
    return [
        equal("offsets in the databases that their topics have", positions.partitions, right, positions.wrong),
        equal("records before the ends of topics not handled", 0, len(positions.unhandled), positions.unhandled),
    ]


async def _read_positions(stack: Stack) -> GroupPositions:
    positions = GroupPositions()
    ends = await asyncio.to_thread(_read_ends, stack)
    for group in GROUPS:
        stored = await _stored_offsets(stack, group)
        await asyncio.to_thread(_compare, stack, group, ends, stored, positions)
    return positions


def _read_ends(stack: Stack) -> dict[Place, int]:
    with topic_reader(stack) as consumer:
        return {
            (place.topic, place.partition): _end_of(consumer, place)
            for place in partitions_of(consumer, [topic.name for topic in TOPICS])
        }


def _end_of(consumer: Consumer, place: TopicPartition) -> int:
    return int(consumer.get_watermark_offsets(place, timeout=READ_WITHIN_S)[1])


async def _stored_offsets(stack: Stack, group: Group) -> dict[Place, int]:
    connection = await asyncpg.connect(stack.postgres.dsn(group.service))
    try:
        rows = await connection.fetch(OFFSETS, group.name)
    finally:
        await connection.close()
    return {(row["topic"], row["partition"]): row["next"] for row in rows}


def _compare(
    stack: Stack, group: Group, ends: dict[Place, int], stored: dict[Place, int], positions: GroupPositions
) -> None:
    """Adds what is wrong with a group, whose offsets were read after the ends."""
    names = {topic.name for topic in group.topics}
    own = {place: end for place, end in ends.items() if place[0] in names}
    positions.partitions += len(own)
    positions.wrong += [
        f"{group.name}: no offset of {topic}-{number}" for topic, number in own if (topic, number) not in stored
    ]
    starts = [TopicPartition(topic, number, stored.get((topic, number), 0)) for topic, number in own]
    with topic_reader(stack) as consumer:
        for start in starts:
            if start.offset > (end := _end_of(consumer, start)):
                positions.wrong.append(f"{group.name}: {start.topic}-{start.partition} ends at {end} < {start.offset}")
        behind = [start for start in starts if start.offset < own[start.topic, start.partition]]
        for message in read_to_end(consumer, behind):
            place = (message.topic() or "", message.partition() or 0)
            if (message.offset() or 0) < own[place]:
                positions.unhandled.append(f"{group.name}: {place[0]}-{place[1]} {message.offset()}")


# -- Relays: what each service has announced ---------------------------------------------------------------------------


async def check_relays(stack: Stack) -> list[Check]:
    """Checks that no relay has ever missed a commit of its database, and that `recover` has nothing to do."""
    missed = [name for name in NAMES if LOSS in stack.layout.log(f"{name}-worker").read_text("utf-8", "replace")]
    results = {name: await recover(stack, name) for name in NAMES}
    lost = [f"{name}: {result}" for name, result in results.items() if any(result.values())]
    return [
        equal("relays that missed commits", 0, len(missed), missed),
        equal("databases for which `recover` finds lost commits", 0, len(lost), lost),
    ]


@dataclass
class Announcements:
    """What stands on all topics: the contents of each event id, and the versions of each key of a state topic."""

    contents: dict[bytes, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    versions: dict[tuple[str, bytes], list[int]] = field(default_factory=lambda: defaultdict(list))

    def checks(self) -> list[Check]:
        """Returns the checks that nothing was announced wrongly."""
        changed = [event_id.decode() for event_id, contents in self.contents.items() if len(contents) > 1]
        old = [f"{topic}: {versions}" for (topic, _), versions in self.versions.items() if versions[-1] < max(versions)]
        return [
            equal("events announced again with another content", 0, len(changed), changed),
            equal(f"old states announced over newer ones, of {len(self.versions)} keys", 0, len(old), old),
        ]


def read_announcements(stack: Stack) -> Announcements:
    """Returns what stands on all topics. Raises LocalError."""
    announcements, states = Announcements(), {topic.name for topic in TOPICS if topic.kind == "state"}
    with topic_reader(stack) as consumer:
        for message in read_to_end(consumer, partitions_of(consumer, [topic.name for topic in TOPICS])):
            topic, key, value = message.topic() or "", bytes(message.key() or b""), bytes(message.value() or b"")
            announcements.contents[headers_of(message).get("ce_id", b"")].add(value)
            if topic in states and value and (version := json.loads(value).get("version")) is not None:
                announcements.versions[topic, key].append(version)
    return announcements
