"""A batch has the effect of its records handled one at a time, in the order of offsets for each key."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared.contracts.base import HeartbeatSent, StateWithheld
from shared.contracts.declarations import Group
from shared.contracts.topics import CONSENT_DEPOSIT_CHECKS, CONSENT_RECORD_COPIES, IDENTITY_RECORDS
from shared.db.pool import Pool, create_pool
from shared.errors import PermanentError, TransientError
from shared.messaging import consumer as consumer_module
from shared.messaging.batch_pass import ReadProgress
from shared.messaging.batch_plan import Partition
from shared.messaging.consumer import Consumer
from shared.messaging.envelope import KeptRecord, Message
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.messaging import plumbing
from tests.infra.messaging.plumbing import Recorder, document_received, record_changed

INSERT_OFFSET = """
insert into consumer_offsets (group_name, topic, partition, next, cluster_id) values ($1, $2, $3, 0, 'a-cluster')"""
FACTS, STATES = CONSENT_DEPOSIT_CHECKS, CONSENT_RECORD_COPIES
KINDS = {
    FACTS: ("good", "good", "unreadable", "unknown", "waiting", "failing", "buggy"),
    STATES: ("good", "good", "older", "again", "unreadable", "unknown", "failing", "buggy", "withheld", "heartbeat"),
}
TABLES = "effects, seen_copies, parked_messages, broken_copies, copy_watermarks, consumer_offsets, inbox, outbox"
SNAPSHOT = {
    "effects": "select record_id, document_id from effects order by record_id, id",
    "copies": "select record_id, version from seen_copies order by record_id",
    "parked": 'select "offset", reason, error_code from parked_messages order by "offset"',
    "broken": 'select key, "offset" from broken_copies order by key',
    "watermarks": "select partition, at from copy_watermarks order by partition",
    "offsets": "select partition, next from consumer_offsets order by partition",
}


@dataclass
class Log:
    """The records of a topic, and the ids of those that the handlers refuse (`failing`) or fail on (`buggy`)."""

    group: Group
    records: list[KeptRecord]
    failing: set[UUID]
    buggy: set[UUID]

    def before(self, message: Message[Any]) -> None:
        """Raises for the messages that fail."""
        if message.id in self.failing:
            raise PermanentError
        if message.id in self.buggy:
            raise KeyError("a bug")


def written(group: Group, rng: random.Random) -> Log:
    """Returns up to 25 records of three keys in two partitions, with gaps between their offsets."""
    keys = [UUID(int=rng.getrandbits(128), version=4) for _ in range(3)]
    log, versions, offset = Log(group, [], set(), set()), dict.fromkeys(keys, 1), 0
    for _ in range(rng.randint(5, 25)):
        offset += rng.choice((1, 1, 1, 3))
        key, kind = rng.choice(keys), rng.choice(KINDS[group])
        record = _record(group, key, kind, versions, keys.index(key) % 2, offset, rng)
        event_id = UUID(dict(record.headers)["ce_id"].decode())  # type: ignore[union-attr] # it has a value
        if kind == "failing":
            log.failing.add(event_id)
        if kind == "buggy":
            log.buggy.add(event_id)
        log.records.append(record)
    return log


def _record(
    group: Group, key: UUID, kind: str, versions: dict[UUID, int], partition: int, offset: int, rng: random.Random
) -> KeptRecord:
    event: Any
    if kind == "heartbeat":
        event = HeartbeatSent(partition=partition, at=clock.now())
    elif kind == "withheld":
        event = StateWithheld(aggregate_key=str(key), error_code="record-too-large")
    elif group is STATES:
        versions[key] += kind not in ("older", "again")
        event = record_changed(key, max(1, versions[key] - (kind == "older")))
    else:
        event = document_received(key, seen={IDENTITY_RECORDS.name: 99} if kind == "waiting" else None)
    event_id = UUID(int=rng.getrandbits(128), version=4)
    event_type = "records.added-later.v9" if kind == "unknown" else event.ce_type
    headers = [("ce_id", str(event_id)), ("ce_type", event_type), ("ce_time", clock.now().isoformat())]
    body = b"{" if kind == "unreadable" else event.model_dump_json().encode()
    pairs: Sequence[tuple[str, bytes | None]] = [(name, text.encode()) for name, text in headers]
    return KeptRecord(group.topics[0].name, partition, offset, event.key.encode(), body, pairs)


def split(records: Sequence[KeptRecord], rng: random.Random) -> Iterator[Sequence[KeptRecord]]:
    """Yields batches of any size."""
    at = 0
    while at < len(records):
        size = rng.randint(1, 12)
        yield records[at : at + size]
        at += size


class Reader:
    """Reads a log like a worker: from the stored offsets, and again when a batch was not finished."""

    def __init__(self, pool: Pool, log: Log) -> None:
        recorder = Recorder(before=log.before, waits_for_copies=True)
        [subscription] = [each for each in recorder.subscriptions() if each.group is log.group]
        self.pool, self.log = pool, log
        # Only the deduplication by the inbox could hide that a message is handled twice.
        self.consumer = Consumer(pool, replace(subscription, uses_inbox=False))
        self.consumer.circuit_breaker.record_outcomes = lambda *_: None  # type: ignore[method-assign] # it has tests of its own
        self.consumer.circuit_breaker.admitted_count = lambda predictions, now: len(predictions)  # type: ignore[method-assign]
        self.progress = ReadProgress()

    def next_offset(self, record: KeptRecord) -> int:
        """Returns the stored next offset of the record's partition."""
        return self.progress.next[Partition(record.topic, record.partition)]

    async def read(self, batches: Iterator[Sequence[KeptRecord]]) -> dict[str, list[asyncpg.Record]]:
        """Reads the batches. Returns the tables afterwards."""
        topic = self.log.group.topics[0].name
        for partition in (0, 1):
            self.progress.next[Partition(topic, partition)] = 0
            await self.pool.execute(INSERT_OFFSET, self.log.group.name, topic, partition)
        for batch in batches:
            for _ in range(200):
                left = [record for record in batch if record.offset >= self.next_offset(record)]
                if not left:
                    break
                try:
                    await self.consumer.consume(left, self.progress)
                except TransientError:
                    continue
            else:
                pytest.fail("a batch is never finished")
        return {name: await self.pool.fetch(query) for name, query in SNAPSHOT.items()}


@pytest.fixture
async def pool(new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch) -> Any:
    database = await new_database("consent")
    await plumbing.prepare(database)
    monkeypatch.setattr(consumer_module, "PARK_AFTER_S", 0.0)
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.owner_dsn}), application="tests")
    yield pool
    pool.terminate()


@pytest.mark.parametrize("group", [FACTS, STATES], ids=lambda group: group.name)
async def test_any_split_of_any_sequence_gives_the_state_that_single_records_give(pool: Pool, group: Group) -> None:
    for seed in range(25):
        rng = random.Random(seed)
        log = written(group, rng)
        outcomes = []
        for batches in (
            split(log.records, random.Random(seed + 1)),
            ([record] for record in log.records),
            [log.records],
        ):
            await pool.execute(f"truncate {TABLES}")
            outcomes.append(await Reader(pool, log).read(iter(batches)))
        for name in SNAPSHOT:
            tables = [[tuple(row) for row in outcome[name]] for outcome in outcomes]
            assert tables[0] == tables[1] == tables[2], f"{name} differ, seed {seed}: {tables}"
        assert {row["next"] for row in outcomes[0]["offsets"]} >= {log.records[-1].offset + 1}
