"""The relay: rows that cannot be sent hold back no others, and a former leader writes nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from deploy.local.platform.kafka import Credentials, admin_client
from services.consent.kit.announcements import announce
from shared.contracts.base import HeartbeatSent, StateWithheld
from shared.contracts.consent import ConsentStateChanged, DepositDecided
from shared.contracts.topics import CONSENT_STATES
from shared.db.pool import Pool, create_pool, transaction
from shared.messaging.envelope import Message, decode
from shared.messaging.outbox import append, tombstone
from shared.messaging.outbox.leader import OwnTopics
from shared.messaging.outbox.partitions import partition_of
from shared.messaging.outbox.producer import producer_factory
from shared.messaging.outbox.relay import Relay
from shared.messaging.topics.grants import Grant
from shared.messaging.topics.permissions import binding_of, filter_of
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings
from shared.service.worker import Plan, make_worker_app
from tests.conftest import NewDatabase
from tests.infra.http.tokens import TestKeys, bearer, operator_token, patient_token
from tests.infra.messaging import broker, plumbing
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.shared.messaging.test_flow import access

ACCESSES, DECISIONS, STATES = "consent.accesses.v1", "consent.decisions.v1", "consent.states.v1"
INSERT_RAW = """
insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at, payload)
values ($1, $2, gen_random_uuid(), $3, $4, '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01', now(), $5)"""
COUNT = "select count(*) from outbox where topic = $1"


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    return await new_database("consent")


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    made = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    yield made
    made.terminate()


def new_relay(database: Database, kafka: Topics, **options: Any) -> Relay:
    make = options.pop("producer", None) or producer_factory(kafka.settings("consent"), "consent")
    topics = OwnTopics(kafka.prefix, options.pop("states", ()), options.pop("unusable", frozenset))
    return Relay(database.dsn, make, source="/services/consent", topics=topics, heartbeat_s=0.3, **options)


@asynccontextmanager
async def relaying(database: Database, kafka: Topics, **options: Any) -> AsyncIterator[Relay]:
    """Yields a running relay."""
    relay = new_relay(database, kafka, **options)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        relay.stop()
        await asyncio.wait({task}, timeout=15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def state(record_id: UUID, version: int) -> ConsentStateChanged:
    return ConsentStateChanged(record_id=record_id, version=version, changed_at=clock.now())


def decided(record_id: UUID) -> DepositDecided:
    return DepositDecided(
        record_id=record_id,
        document_id=uuid4(),
        deposit_id=uuid4(),
        organisation_id="1",
        outcome="permitted",
        reason="feeding",
        rules_version="1",
        facts={},
        seen={},
        decided_at=clock.now(),
    )


async def put(pool: Pool, *announcements: Any) -> None:
    async with transaction(pool) as connection:
        await append(connection, announcements)


async def is_empty(pool: Pool, topic: str) -> bool:
    return bool(await pool.fetchval(COUNT, topic) == 0)


async def set_config(kafka: Topics, topic: str, name: str, value: str) -> None:
    """Changes a setting of a topic."""
    await broker.set_config(admin_of(kafka), kafka.prefix + topic, name, value)


async def administer(kafka: Topics, change: Callable[[Any], dict[Any, Any]]) -> None:
    """Does something as the broker's administrator and waits until it is done."""
    await broker.administer(admin_of(kafka), change)


def admin_of(kafka: Topics) -> Any:
    return admin_client(kafka.parts.kafka_bootstrap, Credentials("admin", kafka.parts.passwords["admin"]))


async def delete_topic(kafka: Topics, topic: str) -> None:
    """Deletes a topic and waits until the broker's metadata lack it, too: it may take records until then."""
    name = kafka.prefix + topic
    await administer(kafka, lambda admin: admin.delete_topics([name]))
    admin = admin_of(kafka)

    async def is_gone() -> bool:
        return name not in (await asyncio.to_thread(admin.list_topics, timeout=30)).topics

    await eventually(is_gone)


async def keys_of(kafka: Topics, topic: str) -> list[str]:
    """Returns the keys of a topic's records, without heartbeats."""
    keys = [record.key.decode() for record in await kafka.read_raw(topic)]
    return [key for key in keys if not key.startswith("heartbeat-")]


class SilentPartition:
    """A topic without its replicas, as a client sees it.

    The broker acknowledges no record of it, and no transaction with such a record can end, so that its transactional id
    cannot be started again until the replicas are back. One broker cannot lose the replicas of one topic alone;
    everything else is the real broker.
    """

    def __init__(self, kafka: Topics, topic: str) -> None:
        self._make = producer_factory(kafka.settings("consent"), "consent")
        self.topic = kafka.prefix + topic
        self.is_back = asyncio.Event()
        self._stuck: set[int | None] = set()

    async def make(self, lane: int | None) -> Any:
        if lane in self._stuck:
            await self.is_back.wait()
            self._stuck.discard(lane)
        return PartitionProducer(await self._make(lane), self, lane)

    def send(self, lane: int | None) -> asyncio.Future[Any]:
        if lane is not None:
            self._stuck.add(lane)
        return asyncio.get_running_loop().create_future()


class PartitionProducer:
    """A real producer, except for the silent topic."""

    def __init__(self, real: Any, silent: SilentPartition, lane: int | None) -> None:
        self._real, self._silent, self._lane = real, silent, lane

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def send(self, topic: str, value: bytes | None, **options: Any) -> Any:
        if topic == self._silent.topic and not self._silent.is_back.is_set():
            return self._silent.send(self._lane)
        return await self._real.send(topic, value, **options)


@pytest.mark.long
async def test_a_topic_whose_replicas_are_away_holds_back_its_own_rows_only(
    database: Database, pool: Pool, kafka: Topics
) -> None:
    """Its rows are so many that they would fill the relay's window, and they come before those of the others."""
    silent = SilentPartition(kafka, DECISIONS)
    held = [decided(uuid4()) for _ in range(1500)]
    await put(pool, *(announce(event) for event in held))
    await put(pool, *(announce(access(uuid4())) for _ in range(20)))
    async with relaying(database, kafka, states=[CONSENT_STATES], producer=silent.make):
        await eventually(lambda: is_empty(pool, ACCESSES))
        await put(pool, announce(access(uuid4())), announce(state(uuid4(), 1)))
        await eventually(lambda: is_empty(pool, ACCESSES))
        await eventually(lambda: is_empty(pool, STATES))
        began = clock.now()

        async def goes_on_beating() -> bool:
            beats = [m.event for m in await kafka.read(STATES) if isinstance(m.event, HeartbeatSent)]
            return {beat.partition for beat in beats if beat.at > began} == {0, 1, 2, 3}

        await eventually(goes_on_beating)
        assert await pool.fetchval(COUNT, DECISIONS) == 1500
        silent.is_back.set()
        await eventually(lambda: is_empty(pool, DECISIONS), seconds=120)
    assert await keys_of(kafka, DECISIONS)
    assert set(await keys_of(kafka, DECISIONS)) == {event.key for event in held}


@pytest.mark.long
async def test_a_topic_that_goes_away_in_the_middle_is_held_and_sent_in_order_when_it_is_back(
    database: Database, pool: Pool, kafka: Topics
) -> None:
    record_id = uuid4()
    silent = SilentPartition(kafka, STATES)
    silent.is_back.set()
    async with relaying(database, kafka, producer=silent.make):
        await put(pool, announce(access(uuid4())), announce(state(record_id, 1)))
        await eventually(lambda: is_empty(pool, STATES))
        silent.is_back.clear()
        for version in (2, 3, 4):
            await put(pool, announce(state(record_id, version)), announce(access(uuid4())))
        await eventually(lambda: is_empty(pool, ACCESSES))
        await put(pool, announce(access(uuid4())), announce(state(record_id, 5)))
        await eventually(lambda: is_empty(pool, ACCESSES))
        assert await pool.fetchval(COUNT, STATES) == 4
        silent.is_back.set()
        await eventually(lambda: is_empty(pool, STATES), seconds=120)
    records = [record for record in await kafka.read_raw(STATES) if record.key == str(record_id).encode()]
    versions = [orjson.loads(record.value)["version"] for record in records]
    assert versions == [1, 2, 3, 4, 5]


async def test_a_lead_ends_at_its_greatest_age_and_begins_anew_without_a_gap_or_a_double(
    database: Database, pool: Pool, kafka: Topics
) -> None:
    make, made = producer_factory(kafka.settings("consent"), "consent"), []

    async def counted(lane: int | None) -> Any:
        made.append(lane)
        return await make(lane)

    events = []
    async with relaying(database, kafka, producer=counted, max_age_s=1.0):
        while made.count(0) < 3:
            events.append(access(uuid4()))
            await put(pool, announce(events[-1]))
            await eventually(lambda: is_empty(pool, ACCESSES))
    assert sorted(await keys_of(kafka, ACCESSES)) == sorted(event.key for event in events)


async def test_a_missing_topic_holds_back_its_own_rows_only(database: Database, pool: Pool, kafka: Topics) -> None:
    dead_letters = "consent.deposit-checks.dlt"
    await delete_topic(kafka, dead_letters)
    async with relaying(database, kafka):
        for _ in range(3):
            await pool.execute(INSERT_RAW, dead_letters, b"k", "shared.letter-buried.v1", "k", b"{}")
            await put(pool, announce(access(uuid4())))
        await eventually(lambda: is_empty(pool, ACCESSES))
        assert await pool.fetchval(COUNT, dead_letters) == 3


@pytest.mark.long
async def test_a_topic_that_may_not_be_written_holds_back_its_own_rows_only(
    database: Database, pool: Pool, kafka: Topics
) -> None:
    grant = Grant("consent", "WRITE", "TOPIC", kafka.prefix + DECISIONS)
    await broker.revoke_permissions(admin_of(kafka), filter_of(grant))
    async with relaying(database, kafka):
        for _ in range(5):
            await put(pool, announce(decided(uuid4())), announce(access(uuid4())))
        await eventually(lambda: is_empty(pool, ACCESSES))
        assert await pool.fetchval(COUNT, DECISIONS) == 5
        await broker.grant_permissions(admin_of(kafka), binding_of(grant))
        await eventually(lambda: is_empty(pool, DECISIONS), seconds=120)


@pytest.mark.parametrize("refused_by", ["the client", "the broker"])
async def test_a_state_that_is_refused_for_ever_is_stored_as_refused_and_a_marker_breaks_its_copy(
    refused_by: str, database: Database, pool: Pool, kafka: Topics
) -> None:
    size = 1_100_000
    if refused_by == "the broker":
        await set_config(kafka, STATES, "max.message.bytes", "4000")
        size = 20_000
    record_id = uuid4()
    key = str(record_id)
    body = orjson.dumps({"record_id": key, "version": 2, "filling": random.randbytes(size // 2).hex()})
    await put(pool, announce(state(record_id, 1)))
    await pool.execute(INSERT_RAW, STATES, key.encode(), ConsentStateChanged.ce_type, key, body)
    await put(pool, announce(state(record_id, 3)), announce(access(uuid4())))
    async with relaying(database, kafka):
        await eventually(lambda: is_empty(pool, ACCESSES))
        await eventually(lambda: is_empty(pool, STATES))
    decoded = [decode(record, kafka.prefix) for record in await kafka.read_raw(STATES)]
    events = [message.event for message in decoded if isinstance(message, Message)]
    markers = [number for number, event in enumerate(events) if isinstance(event, StateWithheld)]
    assert markers
    assert events[markers[0]] == StateWithheld(aggregate_key=key, error_code="record-too-large")
    assert isinstance(events[-1], ConsentStateChanged)
    assert events[-1].version == 3
    refused = await pool.fetchrow("select topic, error_code, octet_length(payload) as size from refused_announcements")
    assert refused is not None
    assert dict(refused) == {
        "topic": STATES,
        "error_code": "record-too-large",
        "size": len(body),
    }


class StallingProducer:
    """A producer whose network stalls before its first record reaches the broker."""

    def __init__(self, real: Any, stalled: asyncio.Event, goes_on: asyncio.Event) -> None:
        self._real, self._stalled, self._goes_on = real, stalled, goes_on

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def send(self, topic: str, value: bytes | None, **options: Any) -> Any:
        self._stalled.set()
        await self._goes_on.wait()
        return await self._real.send(topic, value, **options)


async def test_a_former_leader_that_wakes_up_writes_nothing(
    database: Database, pool: Pool, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise compaction would keep its old state and drop the earlier tombstone."""
    monkeypatch.setattr("shared.messaging.outbox.page_sender.LONGEST_ACK_S", 600)
    record_id = uuid4()
    stalled, goes_on = asyncio.Event(), asyncio.Event()
    make = producer_factory(kafka.settings("consent"), "consent")

    async def make_stalling(lane: int | None) -> Any:
        return StallingProducer(await make(lane), stalled, goes_on)

    former = new_relay(database, kafka, producer=make_stalling)
    task = asyncio.create_task(former.run())
    await put(pool, announce(state(record_id, 1)))
    await asyncio.wait_for(stalled.wait(), 60)
    await pool.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'relay' and datname = current_database()"
    )
    async with relaying(database, kafka) as leader:
        await eventually(lambda: is_empty(pool, STATES))
        await put(pool, tombstone(CONSENT_STATES, str(record_id)))
        await eventually(lambda: is_empty(pool, STATES))
        former.stop()
        goes_on.set()
        await asyncio.wait({task}, timeout=60)
        assert task.done()
        await put(pool, announce(state(uuid4(), 1)))
        await eventually(lambda: is_empty(pool, STATES))
        assert leader.sent >= 3
    records = [record for record in await kafka.read_raw(STATES) if record.key == str(record_id).encode()]
    assert [record.value is None for record in records][-1]
    assert partition_of(str(record_id).encode(), 4) == records[0].partition


async def test_dead_rows_that_a_long_snapshot_keeps_are_not_read_again(database: Database, pool: Pool) -> None:
    from shared.messaging.outbox.rows import OutboxReader

    async with pool.acquire() as snapshot, snapshot.transaction(isolation="repeatable_read"), pool.acquire() as reading:
        await snapshot.fetchval("select count(*) from outbox")
        reader = OutboxReader(reading)
        for _ in range(3):
            await put(pool, *(announce(access(uuid4())) for _ in range(300)))
            page = await reader.read()
            reader.sent.update(row["id"] for row in page.rows)
            await reader.delete_sent("test", {})
        await reader.read()
        last = await pool.fetchval("select max(id) from outbox")
        await put(pool, announce(access(uuid4())))
        assert last is None

        async def is_floor_raised() -> bool:  # once the transactions of other tests on this server have ended
            [row] = (await reader.read()).rows
            return bool(reader.floor == row["id"] - 1)

        await eventually(is_floor_raised)


async def test_a_row_whose_transaction_commits_late_is_not_passed_over(database: Database, pool: Pool) -> None:
    from shared.messaging.outbox.rows import OutboxReader

    record_id = uuid4()
    async with pool.acquire() as reading:
        reader = OutboxReader(reading)
        async with transaction(pool) as late:
            await append(late, [announce(access(record_id, 1))])
            for number in range(3):
                await put(pool, announce(access(uuid4(), number)))
                page = await reader.read()
                reader.sent.update(row["id"] for row in page.rows)
                await reader.delete_sent("test", {})
        await put(pool, announce(access(record_id, 2)))
        page = await reader.read()
    assert [orjson.loads(row["payload"])["state_version"] for row in page.rows] == [1, 2]


async def test_operators_see_refused_announcements_send_facts_again_and_discard_the_rest(
    database: Database, pool: Pool, kafka: Topics
) -> None:
    app = make_worker_app(Plan("consent", [], keys=TestKeys()), plumbing.settings(database, kafka))
    operator = bearer(operator_token())
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://worker") as client,
    ):
        await set_config(kafka, DECISIONS, "max.message.bytes", "4000")
        body = orjson.dumps({"secret": random.randbytes(10_000).hex()})
        await pool.execute(INSERT_RAW, DECISIONS, b"key", DepositDecided.ce_type, "key", body)

        async def refused() -> list[dict[str, Any]]:
            answer = await client.get("/refused-announcements", headers=operator)
            assert "secret" not in answer.text
            return list(answer.json())

        async def is_refused() -> bool:
            return len(await refused()) == 1

        await eventually(is_refused)
        [announcement] = await refused()
        assert (announcement["topic"], announcement["error_code"], announcement["size"]) == (
            DECISIONS,
            "record-too-large",
            len(body),
        )
        await set_config(kafka, DECISIONS, "max.message.bytes", "1000000")
        sent = await client.post(f"/refused-announcements/{announcement['event_id']}/send", headers=operator)
        assert sent.status_code == 204
        await eventually(lambda: is_empty(pool, DECISIONS))
        assert await refused() == []
        assert (
            await client.delete(f"/refused-announcements/{announcement['event_id']}", headers=operator)
        ).status_code == 404
        assert (await client.get("/refused-announcements", headers=bearer(patient_token(uuid4())))).status_code == 403
        assert (await client.post("/recovery", headers=operator)).json() == {
            "facts": {},
            "adopted": {},
            "undecided": {},
            "erased_again": 0,
        }
    assert await keys_of(kafka, DECISIONS) == ["key"]
