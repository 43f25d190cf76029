"""A group continues from the offsets in its database, whatever the broker, the database or other members do."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from services.consent import __file__ as consent
from shared.contracts.base import Event
from shared.contracts.records import DocumentReceived
from shared.db.migrate import migrate, migrations_of
from shared.db.pool import create_pool
from shared.errors import TransientError
from shared.messaging import positions
from shared.messaging.batch_pass import ReadProgress
from shared.messaging.batch_plan import Partition
from shared.runtime import clock
from shared.runtime.metrics import OFFSETS_LOST
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.messaging import plumbing
from tests.infra.messaging.consumers import OfflineConsumers
from tests.infra.messaging.plumbing import Recorder, document_received, record_changed, worker
from tests.infra.platform.databases import APP, Database
from tests.infra.platform.topics import Topics, client_options
from tests.infra.platform.waiting import eventually

GROUP, TOPIC = "consent.deposit-checks", "records.documents.v1"
SET_BACK = ("effects", "seen_copies", "inbox", "parked_messages", "consumer_offsets")


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    database = await new_database("consent")
    await plumbing.prepare(database)
    return database


async def put(kafka: Topics, event: Event, partition: int) -> None:
    """Writes an event into one partition."""
    headers = {"ce_id": str(uuid4()), "ce_type": event.ce_type, "ce_time": clock.now().isoformat()}
    body, topic = event.model_dump_json().encode(), "identity.records.v1" if event.ce_type.startswith("id") else TOPIC
    await kafka.put_raw(topic, body, event.key.encode(), headers, partition=partition)


async def put_all(kafka: Topics, events: Sequence[DocumentReceived]) -> None:
    """Writes each record's documents into one partition, in the order given."""
    for event in events:
        await put(kafka, event, event.record_id.int % 4)


def documents(count: int, records: int = 5) -> list[DocumentReceived]:
    """Returns deposits for `records` records, in turn."""
    ids = [uuid4() for _ in range(records)]
    return [document_received(ids[number % records]) for number in range(count)]


async def done(database: Database) -> list[UUID]:
    return [row["document_id"] for row in await plumbing.effects(database)]


async def assert_all_done(database: Database, events: Sequence[DocumentReceived]) -> None:
    """Waits until each event has its effect; asserts that none has two."""
    expected = sorted(event.document_id for event in events)

    async def are_enough() -> bool:
        return len(await done(database)) >= len(expected)

    await eventually(are_enough)
    assert sorted(await done(database)) == expected


async def back_up(database: Database) -> None:
    """Copies all tables as of one moment, as a backup does."""
    await _as_owner(database, *(f"create table saved_{name} as table {name}" for name in SET_BACK))


async def set_back(database: Database) -> None:
    """Restores the copied tables: later commits are lost."""
    lock = f"lock table {', '.join(SET_BACK)} in access exclusive mode"
    back = [f"delete from {name}; insert into {name} {_overriding(name)} table saved_{name}" for name in SET_BACK]
    await _as_owner(database, lock, *back)


def _overriding(table: str) -> str:
    return "overriding system value" if table == "effects" else ""


async def _as_owner(database: Database, *statements: str) -> None:
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute("; ".join(statements))
    finally:
        await connection.close()


def lost(topic: str = TOPIC) -> float:
    """Returns the metric of lost offsets."""
    value: float = OFFSETS_LOST.labels(GROUP, topic)._value.get()
    return value


@pytest.mark.parametrize("running", [True, False], ids=["while the worker runs", "while it is stopped"])
async def test_a_database_that_was_set_back_reads_again_what_it_lost(
    database: Database, kafka: Topics, running: bool
) -> None:
    events, record_id = documents(60), uuid4()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(worker(Recorder(), database, kafka))
        await put(kafka, record_changed(record_id, 1), 0)
        await put_all(kafka, events[:20])
        await assert_all_done(database, events[:20])
        await back_up(database)
        await put(kafka, record_changed(record_id, 2), 0)
        await put_all(kafka, events[20:40])
        await assert_all_done(database, events[:40])
        await eventually(lambda: plumbing.value(database, "select version = 2 from seen_copies"))
        if not running:
            await stack.aclose()
        await set_back(database)
        assert len(await done(database)) == 20
        if not running:
            await stack.enter_async_context(worker(Recorder(), database, kafka))
        # No new record arrives: the worker notices by itself.
        await assert_all_done(database, events[:40])
        await eventually(lambda: plumbing.value(database, "select version = 2 from seen_copies"))
        await put_all(kafka, events[40:])
        await assert_all_done(database, events)
    assert await plumbing.value(database, "select count(*) from parked_messages") == 0


@pytest.mark.long
async def test_members_that_come_and_go_while_transactions_fail_lose_double_and_reorder_nothing(
    database: Database, kafka: Topics
) -> None:
    rng, events = random.Random(7), documents(240, records=12)

    def fail() -> None:
        if rng.random() < 0.3:
            raise TransientError

    sending = asyncio.create_task(put_all(kafka, events))
    async with worker(Recorder(after=fail), database, kafka, instance_id=None):
        for _ in range(3):
            before = len(await done(database))
            async with worker(Recorder(after=fail), database, kafka, instance_id=None) as second:

                async def has_joined(second: Any = second) -> bool:
                    return any(loop.positions.progress.next for loop in second.consumer_loops)

                async def goes_on(before: int = before) -> bool:
                    return len(await done(database)) > before or sending.done()

                await eventually(has_joined)
                await eventually(goes_on)
        await sending
        await assert_all_done(database, events)
    order = {
        record_id: [event.document_id for event in events if event.record_id == record_id] for record_id in ids(events)
    }
    handled = await plumbing.effects(database)
    for record_id, expected in order.items():
        assert [row["document_id"] for row in handled if row["record_id"] == record_id] == expected
    assert await plumbing.value(database, "select count(*) from parked_messages") == 0


def ids(events: Sequence[DocumentReceived]) -> set[UUID]:
    return {event.record_id for event in events}


async def commit_at_broker(kafka: Topics, offset: int) -> None:
    """Commits an offset at the broker, as the previous release did."""
    consumer = AIOKafkaConsumer(
        **client_options(kafka.parts, "consent"), group_id=kafka.prefix + GROUP, enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(kafka.prefix + TOPIC, number) for number in range(4)]
        consumer.assign(partitions)
        await consumer.commit({partitions[0]: offset})
    finally:
        await consumer.stop()


async def test_the_first_start_after_the_upgrade_takes_the_brokers_offsets_once(
    database: Database, kafka: Topics
) -> None:
    events = documents(6, records=1)
    for event in events:
        await put(kafka, event, 0)
    await commit_at_broker(kafka, 4)
    await plumbing.value(database, "update offset_sources set from_broker = true returning true")
    async with worker(Recorder(), database, kafka, instance_id=None):
        await assert_all_done(database, events[4:])
    await plumbing.value(database, "delete from consumer_offsets where group_name = $1 and partition = 0", GROUP)
    await commit_at_broker(kafka, 6)
    async with worker(Recorder(), database, kafka, instance_id=None):
        await assert_all_done(database, events)


async def test_a_database_that_did_not_follow_until_now_begins_at_the_beginning(
    database: Database, kafka: Topics
) -> None:
    events = documents(6, records=1)
    for event in events:
        await put(kafka, event, 0)
    await commit_at_broker(kafka, 4)
    assert await plumbing.value(database, "select from_broker from offset_sources") is False
    async with worker(Recorder(), database, kafka):
        await assert_all_done(database, events)


@pytest.mark.parametrize(("age", "expected"), [("5 minutes", True), ("3 hours", False), (None, False)])
async def test_only_a_database_that_was_at_work_until_now_is_upgraded_to_the_brokers_offsets(
    new_database: NewDatabase, age: str | None, expected: bool
) -> None:
    database = await new_database("consent")
    await _as_owner(
        database, "drop schema public cascade", "create schema public", f"grant usage on schema public to {APP}"
    )
    migrations = migrations_of("consent", Path(consent).parent / "migrations")
    before = [
        migration for migration in migrations if migration.name.startswith("shared/") and migration.name < "shared/0006"
    ]
    await migrate(database.owner_dsn, before, APP)
    if age is not None:
        insert = "insert into copy_watermarks (topic, partition, at) values ('t', 0, now() - $1::text::interval)"
        await plumbing.value(database, insert + " returning true", age)
    await migrate(database.owner_dsn, migrations, APP)
    assert await plumbing.value(database, "select from_broker from offset_sources") is expected


async def test_offsets_of_another_cluster_count_for_nothing(database: Database, kafka: Topics) -> None:
    events = documents(6, records=1)
    for event in events:
        await put(kafka, event, 0)
    insert = """insert into consumer_offsets (group_name, topic, partition, next, cluster_id)
                values ($1, $2, 0, 5, 'another') returning true"""
    await plumbing.value(database, insert, GROUP, TOPIC)
    async with worker(Recorder(), database, kafka):
        await assert_all_done(database, events)
    assert await plumbing.value(database, "select bool_and(cluster_id <> 'another') from consumer_offsets")


@pytest.mark.parametrize("where", ["above the end", "below the beginning"])
async def test_a_lost_offset_stops_its_partition_alone_until_it_is_valid_again(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(positions, "LOST_RETRY_INTERVAL", timedelta(seconds=0.2))
    held, others = documents(5, records=1), documents(5, records=1)
    for event in held:
        await put(kafka, event, 0)
    async with worker(Recorder(), database, kafka):
        await assert_all_done(database, held)
    if where == "below the beginning":
        await cut(kafka, 0, 3)
    set_next = "update consumer_offsets set next = $2 where group_name = $1 and partition = 0 returning true"
    await plumbing.value(database, set_next, GROUP, 1 if where == "below the beginning" else 1000)
    late = document_received(uuid4())
    async with worker(Recorder(), database, kafka) as runtime:
        await put(kafka, late, 0)
        for event in others:
            await put(kafka, event, 1)
        await assert_all_done(database, [*held, *others])
        assert lost() == 1
        assert runtime.silent_loops() == []
        [loop] = [loop for loop in runtime.consumer_loops if loop.consumer.name == GROUP]
        client = loop.subscriber.consumer
        assert client is not None
        assert [offset.partition for offset in await loop.positions.load_stored_offsets(client) if offset.is_lost] == [
            0
        ]
        await plumbing.value(database, set_next, GROUP, 3)
        await assert_all_done(database, [*held, *others, late])

        async def is_valid_again() -> bool:
            return lost() == 0

        await eventually(is_valid_again)


async def cut(kafka: Topics, partition: int, before: int) -> None:
    """Deletes the records of a partition below an offset, as retention does."""
    admin = AIOKafkaAdminClient(**client_options(kafka.parts, "admin"))
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(kafka.prefix + TOPIC, partition): RecordsToDelete(before)})
    finally:
        await admin.close()


async def test_records_that_were_finished_before_they_were_read_again_move_the_offset_on(
    database: Database,
) -> None:
    """More records are finished behind a failing one than a batch holds."""
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    consumers, tries = OfflineConsumers(database, pool), 0
    events = documents(12, records=12)

    def stumble(message: Any) -> None:
        nonlocal tries
        if message.event.document_id == events[0].document_id:
            tries += len(consumers.recorder.batches) and consumers.recorder.batches[-1] == 1
            if tries < 2:
                raise KeyError("a bug that passes")

    consumers.recorder.before = stumble
    records = [consumers.record(event) for event in events]
    insert = """insert into consumer_offsets (group_name, topic, partition, next, cluster_id)
                values ($1, $2, 0, 1, 'a-cluster')"""
    await pool.execute(insert, GROUP, TOPIC)
    consumer, progress = consumers.consumer(), ReadProgress({Partition(TOPIC, 0): 1})
    with pytest.raises(TransientError):
        await consumer.consume(records, progress)
    assert len(await consumers.effects()) == 11
    for begin in range(0, 12, 3):
        await consumer.consume(records[begin : begin + 3], progress)
        stored = await pool.fetchval("select next from consumer_offsets")
        assert (stored, progress.next) == (begin + 4, {(TOPIC, 0): begin + 4})
    assert len(await consumers.effects()) == 12
    assert progress.finished == {}
    pool.terminate()
