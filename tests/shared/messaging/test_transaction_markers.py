"""A group's stored offset moves over the markers of transactions, which no consumer gets, and over nothing else."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.records import DocumentReceived
from shared.messaging import lenient_records, positions
from shared.messaging.outbox.lost import log_factory, topics_of
from shared.messaging.outbox.recovery import Recovery
from shared.messaging.recovery_check import RecoveryCheck, check_recovery
from tests.conftest import NewDatabase
from tests.infra.messaging import plumbing
from tests.infra.messaging.crashing import PLACES
from tests.infra.messaging.lost_commits import app_pool
from tests.infra.messaging.plumbing import Recorder, document_received, record_changed, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.shared.messaging.test_crashes import let_it_crash
from tests.shared.messaging.test_lag import assert_shown, put
from tests.shared.messaging.test_offsets import assert_all_done, back_up, cut, documents, done, lost, set_back

GROUP, TOPIC = "consent.deposit-checks", "records.documents.v1"
SELECT_ROW = "select next, xmin::text from consumer_offsets where group_name = $1 and topic = $2 and partition = $3"
AT_ONCE, NEVER = timedelta(0), timedelta.max


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    database = await new_database("consent")
    await plumbing.prepare(database)
    return database


async def put_in_transaction(kafka: Topics, events: list[DocumentReceived], partition: int = 0) -> None:
    """Writes events into one partition and, behind them, the marker of their transaction."""
    await put(kafka, events, partition, transactional_id=f"{kafka.prefix}markers")


async def row_of(database: Database, partition: int = 0) -> Any:
    """Returns the stored offset of a partition, and the transaction that wrote it."""
    async with app_pool(database) as pool:
        return await pool.fetchrow(SELECT_ROW, GROUP, TOPIC, partition)


async def assert_stored(database: Database, expected: int, partition: int = 0) -> None:
    """Waits until this offset is stored."""

    async def is_stored() -> bool:
        row = await row_of(database, partition)
        return row is not None and row["next"] == expected

    await eventually(is_stored)


async def check(database: Database, kafka: Topics) -> RecoveryCheck:
    """Returns the result of `recover --check`."""
    connect = log_factory(kafka.settings("consent"), "consent")
    async with app_pool(database) as pool:
        return await check_recovery(pool, connect, topics_of("consent"), Recorder().subscriptions(), Recovery())


async def handle_three(database: Database, kafka: Topics) -> list[DocumentReceived]:
    """Lets a worker handle three events of partition 0, whose log then ends at 4, and returns them."""
    events = documents(3)
    async with worker(Recorder(), database, kafka):
        await put_in_transaction(kafka, events)
        await assert_all_done(database, events)
        await assert_stored(database, 4)
    return events


async def test_a_partition_that_was_emptied_behind_its_last_marker_is_read_on_and_nothing_counts_as_lost(
    database: Database, kafka: Topics
) -> None:
    events, late = await handle_three(database, kafka), document_received(uuid4())
    await cut(kafka, 0, 4)
    checked = await check(database, kafka)
    assert (checked.offsets_lost, checked.unread) == ([], {})
    async with worker(Recorder(), database, kafka) as runtime:
        await put_in_transaction(kafka, [late])
        await assert_all_done(database, [*events, late])
        assert lost() == 0
        [loop] = [loop for loop in runtime.consumer_loops if loop.consumer.name == GROUP]
        client = loop.subscriber.consumer
        assert client is not None
        assert not [stored for stored in await loop.positions.load_stored_offsets(client) if stored.is_lost]


async def test_records_that_were_deleted_unread_still_count_as_lost(database: Database, kafka: Topics) -> None:
    events = await handle_three(database, kafka)
    await put_in_transaction(kafka, documents(2))
    await cut(kafka, 0, 7)
    assert (await check(database, kafka)).offsets_lost == [f"{GROUP} {TOPIC} 0"]
    elsewhere = document_received(uuid4())
    async with worker(Recorder(), database, kafka):
        await put_in_transaction(kafka, [elsewhere], partition=1)
        await assert_all_done(database, [*events, elsewhere])
        assert lost() == 1
    assert (await row_of(database))["next"] == 4


async def test_a_record_that_waits_holds_its_partition_while_others_move_over_their_markers(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "STORE_INTERVAL", AT_ONCE)
    waiting = document_received(uuid4(), seen={"identity.records.v1": 1})
    others = [document_received(uuid4()) for _ in range(3)]
    async with worker(Recorder(waits_for_copies=True), database, kafka):
        await put_in_transaction(kafka, [others[0], waiting, others[1]])
        await put_in_transaction(kafka, [others[2]], partition=1)
        await assert_stored(database, 2, partition=1)
        await assert_all_done(database, others)
        assert (await row_of(database))["next"] == 1
    async with worker(Recorder(waits_for_copies=True), database, kafka):
        await kafka.put(record_changed(waiting.record_id))
        await assert_all_done(database, [*others, waiting])
        await assert_stored(database, 4)


async def test_a_database_that_was_set_back_is_not_moved_on_over_what_it_lost(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "STORE_INTERVAL", NEVER)
    monkeypatch.setattr(positions, "COMPARE_INTERVAL", NEVER)
    events = documents(3)
    async with worker(Recorder(), database, kafka):
        await assert_stored(database, 0)
        await back_up(database)
        await put_in_transaction(kafka, events)
        await assert_all_done(database, events)
        await assert_shown(kafka, {0: 4, 1: 0, 2: 0, 3: 0})
        await set_back(database)
        assert await done(database) == []
        monkeypatch.setattr(positions, "STORE_INTERVAL", AT_ONCE)
        await assert_all_done(database, events)
        await assert_stored(database, 4)


async def test_a_position_is_stored_once_a_minute_and_only_where_it_differs(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = documents(2)
    async with worker(Recorder(), database, kafka):
        await put_in_transaction(kafka, events[:1])
        await assert_stored(database, 2)
        await put_in_transaction(kafka, events[1:])
        await assert_shown(kafka, {0: 4, 1: 0, 2: 0, 3: 0})
        for _ in range(2):  # behind the first, the position in partition 0 is looked at once more
            events += documents(1)
            await put_in_transaction(kafka, events[-1:], partition=1)
            await assert_all_done(database, events)
        assert (await row_of(database))["next"] == 3
        monkeypatch.setattr(positions, "STORE_INTERVAL", AT_ONCE)
        await assert_stored(database, 4)
        stored = await row_of(database)
        await assert_stored(database, 4, partition=1)
        await put_in_transaction(kafka, documents(1), partition=2)
        await assert_stored(database, 2, partition=2)
        assert await row_of(database) == stored


async def test_records_that_the_client_drops_at_a_bad_one_of_another_partition_are_read_again(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "STORE_INTERVAL", AT_ONCE)
    events, taken, failures = documents(12, records=12), list[Any](), 0
    getmany = AIOKafkaConsumer.getmany

    async def take(*arguments: Any, **options: Any) -> Any:
        taken.clear()
        return await getmany(*arguments, **options)

    def is_intact(batch: Any) -> bool:
        nonlocal failures
        if events[0].ce_type.encode() not in batch._source or batch.is_control_batch:
            return True
        if failures < 3 and taken and batch._source is not taken[-1]:
            failures += 1
            return False
        taken.append(batch._source)
        return True

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", take)
    monkeypatch.setattr(lenient_records._Batch, "validate_crc", is_intact, raising=False)
    for partition in range(4):
        await put_in_transaction(kafka, events[3 * partition : 3 * partition + 3], partition)
    async with worker(Recorder(), database, kafka):
        await assert_all_done(database, events)
        for partition in range(4):
            await assert_stored(database, 4, partition)
    assert failures == 3


@pytest.mark.long
@pytest.mark.parametrize("place", [place for place in PLACES if "outbox" not in place])
async def test_a_worker_killed_while_it_handles_a_transaction_has_each_effect_once(
    place: str, database: Database, kafka: Topics
) -> None:
    events = documents(20)
    await put_in_transaction(kafka, events)
    await let_it_crash(place, database, kafka)
    await assert_killed_before_the_marker(database, events)
    async with worker(Recorder(), database, kafka):
        await assert_all_done(database, events)
        await assert_stored(database, 21)


async def assert_killed_before_the_marker(database: Database, events: Sequence[DocumentReceived]) -> None:
    """Asserts that the stored offset stands behind the events that are done, and no further."""
    assert (await row_of(database))["next"] == len(await done(database)) <= len(events)
