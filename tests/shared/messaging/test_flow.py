"""Outbox, relay, consumers: announced events arrive in order and have their effect once."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.records import DocumentReceived
from shared.db.pool import Connection, Pool, create_pool, transaction
from shared.errors import TransientError
from shared.messaging.envelope import Message
from shared.messaging.outbox import announce, append
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.messaging import plumbing
from tests.infra.messaging.plumbing import Recorder, document_received, record_changed, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
SOMEBODY = Actor(kind="professional", id="899700000001")


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    database = await new_database("consent")
    await plumbing.prepare(database)
    return database


def access(record_id: UUID, number: int = 0) -> AccessRecorded:
    return AccessRecorded(
        record_id=record_id,
        actor=SOMEBODY,
        action="read-document",
        outcome="permitted",
        reason="authorised",
        state_version=number,
    )


async def has_effects(database: Database, count: int) -> bool:
    return len(await plumbing.effects(database)) >= count


async def test_an_announced_event_arrives_with_its_cloudevents_headers_and_its_trace(
    database: Database, kafka: Topics
) -> None:
    announcement = announce(access(uuid4()), "consent", trace=TRACE)
    async with worker(Recorder(), database, kafka) as runtime:
        async with transaction(runtime.pool) as connection:
            await append(connection, [announcement])
        await kafka.wait_for("consent.accesses.v1", lambda events: len(events) == 1)
    [record] = await kafka.read_raw("consent.accesses.v1")
    headers = {name: value.decode() for name, value in record.headers}
    assert record.key == announcement.key.encode()
    assert headers["ce_id"] == str(announcement.id)
    assert headers["ce_type"] == "audit.access-recorded.v1"
    assert headers["ce_source"] == "/services/consent"
    assert headers["ce_time"] == announcement.occurred_at.isoformat()
    assert headers["traceparent"] == TRACE
    assert await plumbing.value(database, "select count(*) from outbox") == 0


async def test_events_of_one_key_arrive_in_the_order_of_their_commits(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    order: list[int] = []

    async def change(pool: Pool, number: int) -> None:
        async with transaction(pool) as connection:
            await append(connection, [announce(access(id, number), "consent") for id in (record_id, uuid4())])
            order.append(number)  # the advisory lock of the key is held until the commit

    async with worker(Recorder(), database, kafka) as runtime:
        await asyncio.gather(*(change(runtime.pool, number) for number in range(1, 101)))
        events = await kafka.wait_for("consent.accesses.v1", lambda events: len(events) == 200)
    arrived = [m.event.state_version for m in events if m.event.key == str(record_id)]  # type: ignore[attr-defined]
    assert arrived == order


async def test_the_effect_of_an_event_that_comes_twice_stands_once(database: Database, kafka: Topics) -> None:
    event = document_received(uuid4())
    last = document_received(event.record_id)
    async with worker(Recorder(), database, kafka):
        announcement = await kafka.put(event)
        headers = {
            "ce_id": str(announcement.id),
            "ce_type": announcement.type,
            "ce_time": announcement.occurred_at.isoformat(),
        }
        for _ in range(2):
            await kafka.put_raw("records.documents.v1", announcement.body, announcement.key.encode(), headers)
        await kafka.put(last)
        await eventually(lambda: has_effects(database, 2))
    assert [row["document_id"] for row in await plumbing.effects(database)] == [event.document_id, last.document_id]


async def test_what_cannot_be_done_now_is_done_later_and_nothing_overtakes_it(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    events = [document_received(record_id) for _ in range(5)]
    failures = iter([TransientError(), asyncpg.DeadlockDetectedError(), OSError()])

    def fail_three_times() -> None:
        if (failure := next(failures, None)) is not None:
            raise failure

    async with worker(Recorder(after=fail_three_times), database, kafka):
        for event in events:
            await kafka.put(event)
        await eventually(lambda: has_effects(database, 5))
    assert [row["document_id"] for row in await plumbing.effects(database)] == [e.document_id for e in events]
    assert await plumbing.value(database, "select count(*) from parked_messages") == 0


async def test_a_batch_holds_all_that_came_while_the_one_before_was_worked_on(
    database: Database, kafka: Topics
) -> None:
    """The client fetches nothing ahead; records fetched ahead would be handled first, and the rest would wait."""
    recorder, has_begun, goes_on = Recorder(), asyncio.Event(), asyncio.Event()
    later = [document_received(uuid4()) for _ in range(100)]

    async def hold(connection: Connection, messages: list[Message[DocumentReceived]]) -> None:
        has_begun.set()
        await goes_on.wait()
        await Recorder.record(recorder, connection, messages)

    recorder.record = hold  # type: ignore[method-assign]
    async with worker(recorder, database, kafka):
        await kafka.put(document_received(uuid4()))
        await has_begun.wait()
        for event in later:
            await kafka.put(event)
        goes_on.set()
        await eventually(lambda: has_effects(database, 1 + len(later)))
    assert recorder.batches == [1, len(later)]


async def test_who_appends_in_the_process_that_leads_wakes_its_relay_and_notifies_nobody(
    database: Database, kafka: Topics
) -> None:
    payloads: list[object] = []
    listener = await asyncpg.connect(database.dsn)
    async with worker(Recorder(), database, kafka) as runtime:
        await put_in(kafka, runtime.pool, 1)  # now the relay leads
        await listener.add_listener("outbox", lambda _, __, ___, payload: payloads.append(payload))
        await put_in(kafka, runtime.pool, 2)
        elsewhere = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
        await put_in(kafka, elsewhere, 3)
        await eventually(lambda: has_come(payloads, 1))
        elsewhere.terminate()
    await listener.close()
    assert len(payloads) == 1


async def has_come(payloads: list[object], count: int) -> bool:
    return len(payloads) >= count


async def put_in(kafka: Topics, pool: Pool, count: int) -> None:
    """Announces one event; returns when `count` events have arrived."""
    async with transaction(pool) as connection:
        await append(connection, [announce(access(uuid4()), "consent")])
    await kafka.wait_for("consent.accesses.v1", lambda events: len(events) == count)


async def test_the_relay_sends_heartbeats_on_every_partition(database: Database, kafka: Topics) -> None:
    async with worker(Recorder(), database, kafka):
        beats = await kafka.wait_for("consent.states.v1", lambda events: len(events) >= 8)
    assert {message.partition for message in beats} == {0, 1, 2, 3}
    assert {message.key.decode() for message in beats} == {f"heartbeat-{number}" for number in range(4)}


async def test_a_consumer_keeps_the_watermark_of_each_partition(database: Database, kafka: Topics) -> None:
    from shared.contracts.base import HeartbeatSent
    from shared.runtime import clock

    at = clock.now()
    beat = HeartbeatSent(partition=2, at=at)
    async with worker(Recorder(), database, kafka):
        headers = {"ce_id": str(uuid4()), "ce_type": beat.ce_type, "ce_time": at.isoformat()}
        await kafka.put_raw(
            "identity.records.v1", beat.model_dump_json().encode(), b"heartbeat-2", headers, partition=2
        )
        query = "select at from copy_watermarks where topic = 'identity.records.v1' and partition = 2"
        assert await eventually(lambda: plumbing.value(database, query)) == at


async def test_a_fact_waits_until_the_copy_it_rests_on_has_come(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    early = document_received(record_id, seen={"identity.records.v1": 2})
    other = document_received(uuid4())
    async with worker(Recorder(waits_for_copies=True), database, kafka):
        await kafka.put(early)
        await kafka.put(other)
        await eventually(lambda: has_effects(database, 1))
        assert [row["document_id"] for row in await plumbing.effects(database)] == [other.document_id]
        await kafka.put(record_changed(record_id, version=2))
        await eventually(lambda: has_effects(database, 2))


async def test_a_fact_whose_copy_does_not_come_is_parked_and_redriven_when_the_copy_is_applied(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.consumer.PARK_AFTER_S", 0.2)
    record_id = uuid4()
    early = [document_received(record_id, seen={"identity.records.v1": version}) for version in (2, 1)]
    async with worker(Recorder(waits_for_copies=True), database, kafka):
        for event in early:
            await kafka.put(event)
        parked = "select count(*) = 2 from parked_messages where reason in ('copy-behind', 'behind-dead')"
        await eventually(lambda: plumbing.value(database, parked))
        await kafka.put(record_changed(record_id, version=2))
        await eventually(lambda: has_effects(database, 2))
        await eventually(lambda: plumbing.value(database, "select count(*) = 0 from parked_messages"))
    assert [row["document_id"] for row in await plumbing.effects(database)] == [e.document_id for e in early]
