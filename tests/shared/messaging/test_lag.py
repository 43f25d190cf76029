"""The broker shows how far a group lags, although its offsets stand in the database: autoscalers look there."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from shared.contracts.records import DocumentReceived
from shared.messaging import positions
from tests.conftest import NewDatabase
from tests.infra.messaging import plumbing
from tests.infra.messaging.plumbing import Recorder, document_received, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics, client_options
from tests.infra.platform.waiting import eventually

GROUP, TOPIC = "consent.deposit-checks", "records.documents.v1"


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    database = await new_database("consent")
    await plumbing.prepare(database)
    return database


async def shown(kafka: Topics, group: str = GROUP) -> dict[int, int]:
    """Returns the offsets of a group by partition, read by the user as whom autoscalers read them."""
    admin = AIOKafkaAdminClient(**client_options(kafka.parts, "scaling"))
    await admin.start()
    try:
        offsets: Mapping[TopicPartition, tuple[int, str]] = await admin.list_consumer_group_offsets(
            kafka.prefix + group
        )
    except GroupCoordinatorNotAvailableError:  # a broker that no group has used yet
        return {}
    finally:
        await admin.close()
    return {partition.partition: offset for partition, (offset, _) in offsets.items()}


async def assert_shown(kafka: Topics, expected: Mapping[int, int], group: str = GROUP) -> None:
    async def is_shown() -> bool:
        return await shown(kafka, group) == expected

    await eventually(is_shown)


async def test_the_broker_shows_a_group_in_every_partition_also_in_those_never_read(
    database: Database, kafka: Topics
) -> None:
    async with worker(Recorder(), database, kafka):
        await assert_shown(kafka, {0: 0, 1: 0, 2: 0, 3: 0})
        await kafka.put(document_received(uuid4()))

        async def is_moved() -> bool:
            return sum((await shown(kafka)).values()) > 0

        await eventually(is_moved)
        assert sorted((await shown(kafka)).values()) == [0, 0, 0, 1]
        await assert_shown(kafka, {0: 0, 1: 0, 2: 0, 3: 0}, "consent.record-copies")


async def test_what_a_group_has_not_finished_is_shown_as_lag(database: Database, kafka: Topics) -> None:
    waiting, other = document_received(uuid4(), seen={"identity.records.v1": 1}), document_received(uuid4())
    async with worker(Recorder(waits_for_copies=True), database, kafka):
        await put(kafka, [waiting], partition=1)
        await put(kafka, [other], partition=2)
        await assert_shown(kafka, {0: 0, 1: 0, 2: 1, 3: 0})


async def test_the_marker_at_the_end_of_a_transaction_is_no_lag(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "STORE_INTERVAL", timedelta.max)
    async with worker(Recorder(), database, kafka):
        await put(kafka, [document_received(uuid4()) for _ in range(3)], transactional_id=f"{kafka.prefix}lag")
        await assert_shown(kafka, {0: 4, 1: 0, 2: 0, 3: 0})
    assert await plumbing.value(database, "select next from consumer_offsets where topic = $1 and next > 0", TOPIC) == 3


async def put(
    kafka: Topics, events: list[DocumentReceived], partition: int = 0, transactional_id: str | None = None
) -> None:
    """Writes events into one partition, in one transaction if it has an id."""
    producer = AIOKafkaProducer(**client_options(kafka.parts, "admin"), transactional_id=transactional_id)
    await producer.start()
    try:
        if transactional_id is not None:
            await producer.begin_transaction()
        for event in events:
            headers = [("ce_id", str(uuid4())), ("ce_type", event.ce_type), ("ce_time", event.received_at.isoformat())]
            pairs = [(name, text.encode()) for name, text in headers]
            body, key = event.model_dump_json().encode(), event.key.encode()
            await producer.send_and_wait(kafka.prefix + TOPIC, body, key=key, headers=pairs, partition=partition)
        if transactional_id is not None:
            await producer.commit_transaction()
    finally:
        await producer.stop()
