"""Conditions that prove that no database lost a commit: its offsets and its announcements agree with the topics."""

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from deploy.local.platform.kafka import admin_client
from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from shared.contracts.declarations import Group
from shared.contracts.topics import GROUPS, TOPICS
from shared.messaging.topics.grants import ADMIN
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
    ends = await asyncio.to_thread(_read_ends, stack)
    stored = {group.name: await _stored_offsets(stack, group) for group in GROUPS}
    ends_later = await asyncio.to_thread(_read_ends, stack)
    positions, first_unread = GroupPositions(), dict[Place, int]()
    for group in GROUPS:
        for place in _places_of(group, ends):
            positions.partitions += 1
            offset = stored[group.name].get(place)
            if offset is None:
                positions.wrong.append(f"{group.name}: no offset of {place}")
            elif offset > ends_later[place]:
                positions.wrong.append(f"{group.name}: {place} ends at {ends_later[place]} < {offset}")
            if (offset or 0) < ends[place]:
                first_unread[place] = min(offset or 0, first_unread.get(place, ends[place]))
    records = await asyncio.to_thread(_read_offsets, stack, first_unread)
    positions.unhandled = [
        f"{group.name}: {place} {offset}"
        for group in GROUPS
        for place in _places_of(group, ends)
        for offset in records[place]
        if stored[group.name].get(place, 0) <= offset < ends[place]
    ]
    return positions


def _places_of(group: Group, ends: dict[Place, int]) -> list[Place]:
    names = {topic.name for topic in group.topics}
    return [place for place in ends if place[0] in names]


def _read_ends(stack: Stack) -> dict[Place, int]:
    client = admin_client(stack.kafka.bootstrap, stack.kafka.credentials(ADMIN))
    described = client.list_topics(timeout=READ_WITHIN_S).topics
    asked = {
        TopicPartition(topic.name, number): OffsetSpec.latest()  # type: ignore[no-untyped-call]
        for topic in TOPICS
        for number in described[topic.name].partitions
    }
    answers = client.list_offsets(asked)
    return {(place.topic, place.partition): answer.result(READ_WITHIN_S).offset for place, answer in answers.items()}


def _read_offsets(stack: Stack, starts: dict[Place, int]) -> dict[Place, list[int]]:
    """Returns the offsets of the records from each start on; those of transactions' markers are none."""
    offsets: dict[Place, list[int]] = defaultdict(list)
    if starts:
        with topic_reader(stack) as consumer:
            for message in read_to_end(consumer, [TopicPartition(*place, start) for place, start in starts.items()]):
                offsets[message.topic() or "", message.partition() or 0].append(message.offset() or 0)
    return offsets


async def _stored_offsets(stack: Stack, group: Group) -> dict[Place, int]:
    connection = await asyncpg.connect(stack.postgres.dsn(group.service))
    try:
        rows = await connection.fetch(OFFSETS, group.name)
    finally:
        await connection.close()
    return {(row["topic"], row["partition"]): row["next"] for row in rows}


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
