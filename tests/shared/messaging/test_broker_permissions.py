"""The broker enforces the permissions of topics: each has one writer, and only the declared services read it."""

import asyncio
import contextlib
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from deploy.local.platform.databases import unsent_topics
from deploy.local.platform.kafka import Credentials, admin_client
from shared.contracts.declarations import SERVICES, Service
from shared.contracts.topics import (
    ACCESSES,
    ERASURE_ACKNOWLEDGEMENTS,
    FORMER_ACCESSES,
    FORMER_ACKNOWLEDGEMENTS,
    GROUPS,
    INSURANCE_REIMBURSEMENTS,
    RECORDS_REIMBURSEMENT_FEED,
    TOPICS,
)
from shared.db.pool import create_pool, transaction
from shared.messaging.outbox import announce, append
from shared.messaging.outbox.producer import discard, transactional_id
from shared.messaging.topics.grants import Grant
from shared.messaging.topics.permissions import binding_of, grant, wait_in_force
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.messaging import plumbing
from tests.infra.notify.notify import consulted
from tests.infra.platform.databases import Database
from tests.infra.platform.parts import Parts
from tests.infra.platform.topics import Topics, client_options
from tests.infra.platform.waiting import DEADLINE_S, eventually

REFUSED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)


async def may_write(kafka: Topics, user: str, topic: str) -> bool:
    producer = AIOKafkaProducer(**client_options(kafka.parts, user), request_timeout_ms=60_000)
    await producer.start()
    try:
        await producer.send_and_wait(kafka.prefix + topic, b"{}", key=b"k")
    except TopicAuthorizationFailedError:
        return False
    finally:
        await producer.stop()
    return True


async def may_read(kafka: Topics, user: str, topic: str, group: str) -> bool:
    """Returns whether the user can read the topic or is refused."""
    assert await may_write(kafka, "admin", topic)
    consumer = AIOKafkaConsumer(
        kafka.prefix + topic,
        **client_options(kafka.parts, user),
        group_id=kafka.prefix + group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        async with asyncio.timeout(DEADLINE_S):
            while not await consumer.getmany(timeout_ms=500):
                pass
    except REFUSED:
        return False
    finally:
        with contextlib.suppress(KafkaError):
            await consumer.stop()
    return True


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_writes_the_topics_whose_one_writer_it_is_and_no_other(
    service: str, kafka: Topics, servers: Parts
) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    allowed = {topic.name for topic in TOPICS if await may_write(kafka, service, topic.name)}
    assert allowed == {topic.name for topic in TOPICS if topic.writer == service}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_the_topics_that_it_consumes_or_writes_and_no_other(
    service: str, kafka: Topics, servers: Parts
) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    own_group = next(group for group in GROUPS if group.service == service)
    readable = {topic.name for group in GROUPS if group.service == service for topic in group.topics}
    readable |= {topic.name for topic in TOPICS if topic.writer == service}
    for topic in TOPICS:
        if topic.name not in readable:
            assert not await may_read(kafka, service, topic.name, own_group.name), topic.name
    assert await may_read(kafka, service, own_group.topics[0].name, own_group.name)


async def test_the_insurance_writes_its_own_topic_alone_and_reads_none(kafka: Topics, servers: Parts) -> None:
    """Nothing goes back to the reimbursement side, not even what it has sent itself."""
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    assert {topic.name for topic in TOPICS if await may_write(kafka, "insurance", topic.name)} == {
        INSURANCE_REIMBURSEMENTS.name
    }
    for topic in TOPICS:
        assert not await may_read(kafka, "insurance", topic.name, RECORDS_REIMBURSEMENT_FEED.name), topic.name
    for service in SERVICES:
        if service != "records":
            assert not await may_read(kafka, service, INSURANCE_REIMBURSEMENTS.name, f"{service}.erasures"), service


async def test_a_service_does_not_shut_out_the_relay_of_another(kafka: Topics, servers: Parts) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    for user, is_allowed in (("audit", False), ("consent", True)):
        producer = AIOKafkaProducer(
            **client_options(kafka.parts, user), transactional_id=transactional_id(kafka.prefix, "consent")
        )
        try:
            await producer.start()
            assert is_allowed
        except TransactionalIdAuthorizationFailed:
            assert not is_allowed
        finally:
            await discard(producer)


async def test_a_service_does_not_use_the_group_of_another(kafka: Topics, servers: Parts) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    assert not await may_read(kafka, "audit", "records.documents.v1", "notify.document-alerts")


@pytest.mark.parametrize("user", ["ops", "scaling"])
async def test_operations_and_autoscalers_read_no_topic(kafka: Topics, servers: Parts, user: str) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    for topic, group in product(TOPICS[:2], GROUPS[:1]):
        assert not await may_read(kafka, user, topic.name, group.name)
        assert not await may_write(kafka, user, topic.name)


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_writes_the_accesses_or_acknowledgements_of_another_service(
    service: Service, kafka: Topics, servers: Parts
) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    for own in (ACCESSES, ERASURE_ACKNOWLEDGEMENTS):
        assert await may_write(kafka, service, own[service].name)
        for other in set(SERVICES) - {service}:
            assert not await may_write(kafka, service, own[other].name), own[other].name
    for retired in (FORMER_ACCESSES, FORMER_ACKNOWLEDGEMENTS):
        assert not await may_write(kafka, service, retired.name), retired.name


def former_grants(kafka: Topics, *services: str) -> set[Grant]:
    """Returns the permissions of these services on the topic that an earlier release shared."""
    name = kafka.prefix + FORMER_ACCESSES.name
    return {Grant(service, operation, "TOPIC", name) for service in services for operation in ("WRITE", "DESCRIBE")}


def give(kafka: Topics, grants: set[Grant]) -> None:
    client = admin_client(kafka.parts.kafka_bootstrap, Credentials("admin", kafka.parts.passwords["admin"]))
    for future in client.create_acls([binding_of(each) for each in grants]).values():
        future.result(30)
    wait_in_force(client, grants)


async def test_the_permission_on_a_retired_topic_ends_with_the_outbox_rows_and_never_returns(
    kafka: Topics, servers: Parts
) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    admin = Credentials("admin", servers.passwords["admin"])
    give(kafka, former_grants(kafka, "consent", "notify"))

    async def grant_with(*unsent: str) -> None:
        left = {(service, FORMER_ACCESSES.name) for service in unsent}
        await asyncio.to_thread(grant, admin_client(servers.kafka_bootstrap, admin), kafka.prefix, unsent=left)

    async def settles(service: str, *, allowed: bool) -> None:
        async def as_expected() -> bool:
            return await may_write(kafka, service, FORMER_ACCESSES.name) is allowed

        await eventually(as_expected)

    for service in ("consent", "notify"):
        await settles(service, allowed=True)  # the controller answers before the broker applies a permission
    await grant_with("consent")
    await settles("consent", allowed=True)
    await settles("notify", allowed=False)
    await grant_with()
    await settles("consent", allowed=False)
    await grant_with("consent", "notify")
    assert not await may_write(kafka, "consent", FORMER_ACCESSES.name), "a row in an outbox gives no permission"
    assert not await may_write(kafka, "notify", FORMER_ACCESSES.name)


@dataclass
class OnePostgres:
    """The part of a server that the look-up needs."""

    database: Database

    def dsn(self, service: str) -> str:
        return self.database.owner_dsn if service == "consent" else self.database.owner_dsn + "_that_is_not_there"


async def test_rows_that_the_former_release_left_for_a_retired_topic_are_found_and_sent(
    new_database: NewDatabase, kafka: Topics, servers: Parts
) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    database, event = await new_database("consent"), consulted(uuid4(), action="see-choices")
    retired = [FORMER_ACCESSES.name, FORMER_ACKNOWLEDGEMENTS.name]
    postgres: Any = OnePostgres(database)
    assert await unsent_topics(postgres, "records", retired) == set(), "before there is a database"
    assert await unsent_topics(postgres, "consent", retired) == set()
    give(kafka, former_grants(kafka, "consent"))
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    async with transaction(pool) as connection:
        await append(connection, [replace(announce(event, "consent"), topic=FORMER_ACCESSES)])
    assert await unsent_topics(postgres, "consent", retired) == {FORMER_ACCESSES.name}
    async with plumbing.worker(plumbing.Recorder(), database, kafka):
        [message] = await kafka.wait_for(FORMER_ACCESSES.name, bool)
        assert message.event == event

        async def is_sent() -> bool:
            return await unsent_topics(postgres, "consent", retired) == set()

        await eventually(is_sent)
    pool.terminate()
