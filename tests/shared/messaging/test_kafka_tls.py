"""Every connection to Kafka is encrypted and verified when the settings say so: consumers, relay, checks, operators."""

import asyncio
import shutil
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException

from services.consent.kit.announcements import announce
from shared.contracts.topics import CONSENT_DECISIONS, CONSENT_RECORD_COPIES, IDENTITY_RECORDS
from shared.db.pool import create_pool, transaction
from shared.messaging.cluster_metadata import fetch_cluster_id
from shared.messaging.connection import aiokafka_options
from shared.messaging.outbox import append
from shared.messaging.topics.admin import admin_client
from shared.messaging.topics.cluster_topics import ClusterTopics, Replication
from shared.messaging.topics.layouts import declared_topics
from shared.messaging.topics.permissions import Permissions
from shared.runtime.settings import KafkaSettings, PostgresSettings
from shared.runtime.tls import ReloadedContext
from shared.service.worker import Plan, WorkerRuntime, at_work
from tests.conftest import NewDatabase
from tests.infra.http.tokens import TestKeys
from tests.infra.messaging import plumbing
from tests.infra.messaging.messages import sender_of
from tests.infra.messaging.plumbing import record_changed
from tests.infra.platform.certificates import Authority
from tests.infra.platform.databases import Database
from tests.infra.platform.parts import Parts
from tests.infra.platform.tls_servers import TlsKafka
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.shared.messaging.test_relay import decided

ONE_BROKER = Replication(1, 1)


def make_topics(settings: KafkaSettings, prefix: str, **principals: str) -> None:
    """Makes the topics and the permissions under a prefix."""
    client = admin_client(settings)
    assert ClusterTopics(client, declared_topics(prefix), ONE_BROKER).apply(lambda _: None) == []
    Permissions(client, prefix, principals).grant_missing()


async def decisions(settings: KafkaSettings) -> list[bytes | None]:
    """Returns the values on the topic of decisions, read by an administrator."""
    topic = settings.prefix + CONSENT_DECISIONS.name
    consumer = AIOKafkaConsumer(topic, **aiokafka_options(settings), auto_offset_reset="earliest")
    await consumer.start()
    try:
        batches = await consumer.getmany(timeout_ms=1000)
        return [record.value for batch in batches.values() for record in batch]
    finally:
        await consumer.stop()


@pytest.mark.parametrize(("security", "principals"), [("sasl_ssl", {}), ("ssl", {"consent": "CN=consent"})])
async def test_a_worker_consumes_and_announces_over_tls_known_by_password_or_certificate(
    security: str, principals: dict[str, str], broker: TlsKafka, new_database: NewDatabase
) -> None:
    prefix, database = f"{security}.", await new_database("consent")
    admin = broker.settings("admin", security, prefix=prefix)
    await asyncio.to_thread(make_topics, admin, prefix, **principals)
    await plumbing.prepare(database)
    settings = plumbing.settings_with(database, broker.settings("consent", security, prefix=prefix))
    plan = Plan("consent", plumbing.Recorder().subscriptions(), keys=TestKeys())
    async with at_work(plan, settings) as runtime:
        await put_record(admin, record_id := uuid4())
        await eventually(lambda: plumbing.value(database, "select count(*) = 1 from seen_copies"))
        assert await plumbing.value(database, "select record_id from seen_copies") == record_id
        pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
        async with transaction(pool) as connection:
            await append(connection, [announce(decided(uuid4()))])
        pool.terminate()

        async def is_sent() -> bool:
            return len(await decisions(admin)) == 1

        await eventually(is_sent)
        assert runtime.topics.complaints() == []
        await eventually(lambda: _lag_is_known(runtime))


async def test_a_worker_follows_the_authorities_of_its_broker_without_a_restart(
    broker: TlsKafka, new_database: NewDatabase, tmp_path: Path
) -> None:
    prefix, database, used = "rotated.", await new_database("consent"), Authority(tmp_path, "used")
    admin = broker.settings("admin", prefix=prefix)
    await asyncio.to_thread(make_topics, admin, prefix)
    await plumbing.prepare(database)
    settings = plumbing.settings_with(database, broker.settings("consent", prefix=prefix, ca_file=used.file))
    async with at_work(Plan("consent", plumbing.Recorder().subscriptions(), keys=TestKeys()), settings) as runtime:
        await asyncio.wait_for(runtime.topics.check(), 60)
        assert runtime.topics.complaints() == ["the topics have not been checked yet"]
        shutil.copy(broker.authority.file, used.file)
        await put_record(admin, uuid4())
        assert await eventually(lambda: plumbing.value(database, "select count(*) = 1 from seen_copies"))


async def test_a_worker_goes_on_when_the_broker_ends_its_old_sessions(
    broker: TlsKafka, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker closes a connection that is used after its session; the worker connects and signs in anew."""
    prefix, database = "sessions.", await new_database("consent")
    admin = broker.settings("admin", prefix=prefix)
    await asyncio.to_thread(make_topics, admin, prefix)
    await plumbing.prepare(database)
    settings = plumbing.settings_with(database, broker.settings("consent", prefix=prefix))
    handshakes = count_handshakes(monkeypatch)
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    async with at_work(Plan("consent", plumbing.Recorder().subscriptions(), keys=TestKeys()), settings):
        await put_record(admin, uuid4())
        await eventually(lambda: plumbing.value(database, "select count(*) = 1 from seen_copies"))
        settled, rounds = len(handshakes), 1
        while len(handshakes) < 3 * settled:
            rounds += 1
            await put_record(admin, uuid4())
            async with transaction(pool) as connection:
                await append(connection, [announce(decided(uuid4()))])
            is_seen = partial(plumbing.value, database, f"select count(*) = {rounds} from seen_copies")
            await eventually(is_seen)
            await eventually(lambda: plumbing.value(database, "select count(*) = 0 from outbox"))
    pool.terminate()
    assert len(await decisions(admin)) == rounds - 1


def count_handshakes(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Returns a list that grows with each connection over TLS."""
    handshakes: list[None] = []
    wrap = ReloadedContext.wrap_bio

    def counted(context: ReloadedContext, *arguments: Any, **options: Any) -> Any:
        handshakes.append(None)
        return wrap(context, *arguments, **options)

    monkeypatch.setattr(ReloadedContext, "wrap_bio", counted)
    return handshakes


async def _lag_is_known(runtime: WorkerRuntime) -> bool:
    """The offsets for the lag, too, were committed to the broker."""
    return any(loop.committed for loop in runtime.consumer_loops)


async def put_record(admin: KafkaSettings, record_id: UUID) -> None:
    topics = Topics(Parts("", admin.bootstrap, {}), admin.prefix)
    topics._producer = AIOKafkaProducer(**aiokafka_options(admin))
    await topics._producer.start()
    try:
        event = record_changed(record_id)
        await topics.put(event, sender_of(event))
    finally:
        await topics.close()


@pytest.mark.parametrize("security", ["sasl_ssl", "ssl"])
async def test_a_broker_that_another_authority_certified_is_not_spoken_to(
    security: str, broker: TlsKafka, tmp_path: Path
) -> None:
    settings = broker.settings("consent", security, ca_file=Authority(tmp_path, "another").file)
    with pytest.raises(KafkaError):
        await fetch_cluster_id(settings)
    with pytest.raises(KafkaException):
        await asyncio.to_thread(admin_client(settings).list_topics, timeout=5)


@pytest.mark.parametrize("security", ["sasl_ssl", "ssl"])
async def test_a_broker_under_a_name_that_its_certificate_lacks_is_not_spoken_to(
    security: str, broker: TlsKafka
) -> None:
    settings = broker.settings("consent", security)
    other = settings.model_copy(update={"bootstrap": settings.bootstrap.replace("127.0.0.1", "127.0.0.2")})
    await fetch_cluster_id(settings)
    listening = await listen_at("127.0.0.2", int(settings.bootstrap.rpartition(":")[2]))
    async with listening:
        with pytest.raises(KafkaError):
            await fetch_cluster_id(other)
        with pytest.raises(KafkaException):
            await asyncio.to_thread(admin_client(other).list_topics, timeout=5)


async def listen_at(host: str, port: int) -> asyncio.Server:
    """Passes connections at this address on to the broker, as something between a client and its broker would."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, up_writer), copy(up_reader, writer), return_exceptions=True)

    return await asyncio.start_server(on_connection, host, port)


async def test_a_missing_topic_is_not_created_by_a_worker_even_where_the_broker_would(
    broker: TlsKafka, new_database: NewDatabase
) -> None:
    database, prefix = await new_database("consent"), "absent."
    settings = plumbing.settings_with(database, broker.settings("admin", prefix=prefix))  # who may create topics
    await queue_decision(database)
    async with at_work(Plan("consent", plumbing.Recorder().subscriptions(), keys=TestKeys()), settings) as runtime:

        async def is_checked() -> bool:
            return f"{prefix}{IDENTITY_RECORDS.name}: does not exist" in runtime.topics.complaints()

        await eventually(is_checked)
        await asyncio.wait_for(runtime.topics.check(), 30)  # meanwhile the relay leads
        await eventually(lambda: _is_leading(runtime))
        assert f"{prefix}{CONSENT_RECORD_COPIES.dead_letters}: does not exist" in runtime.topics.complaints()
    metadata = await asyncio.to_thread(admin_client(broker.settings("admin")).list_topics, timeout=30)
    assert [name for name in metadata.topics if name.startswith(prefix)] == []


async def _is_leading(runtime: WorkerRuntime) -> bool:
    return runtime.relay._leads


async def queue_decision(database: Database) -> None:
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    async with transaction(pool) as connection:
        await append(connection, [announce(decided(uuid4()))])
    pool.terminate()
