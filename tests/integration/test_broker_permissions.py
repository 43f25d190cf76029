"""The broker itself holds who may use a topic: nobody writes what a declaration does not name, nor reads unbidden."""

import contextlib
from itertools import product

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from shared.contracts.topics import GROUPS, SERVICES, TOPICS
from tests.infra.parts import Parts
from tests.infra.topics import Topics, client_options

REFUSED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)


async def may_write(kafka: Topics, user: str, topic: str) -> bool:
    producer = AIOKafkaProducer(**client_options(kafka.parts, user), request_timeout_ms=10_000)
    await producer.start()
    try:
        await producer.send_and_wait(kafka.prefix + topic, b"{}", key=b"k")
    except TopicAuthorizationFailedError:
        return False
    finally:
        await producer.stop()
    return True


async def may_read(kafka: Topics, user: str, topic: str, group: str) -> bool:
    consumer = AIOKafkaConsumer(
        kafka.prefix + topic,
        **client_options(kafka.parts, user),
        group_id=kafka.prefix + group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        await consumer.getmany(timeout_ms=1500)
    except REFUSED:
        return False
    finally:
        with contextlib.suppress(KafkaError):
            await consumer.stop()
    return True


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_writes_the_topics_whose_declaration_names_it_and_no_other(
    service: str, kafka: Topics, servers: Parts
) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    allowed = {topic.name for topic in TOPICS if await may_write(kafka, service, topic.name)}
    assert allowed == {topic.name for topic in TOPICS if service in topic.writers}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_does_not_read_a_topic_that_it_does_not_consume(
    service: str, kafka: Topics, servers: Parts
) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    own_group = next(group for group in GROUPS if group.service == service)
    consumed = {topic.name for group in GROUPS if group.service == service for topic in group.topics}
    for topic in TOPICS:
        if topic.name not in consumed:
            assert not await may_read(kafka, service, topic.name, own_group.name), topic.name
    assert await may_read(kafka, service, own_group.topics[0].name, own_group.name)


async def test_a_service_does_not_use_the_group_of_another(kafka: Topics, servers: Parts) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    assert not await may_read(kafka, "audit", "records.documents.v1", "notify.document-alerts")


async def test_operations_read_no_topic(kafka: Topics, servers: Parts) -> None:
    if not servers.has_acls:
        pytest.skip("this broker has no users")
    for topic, group in product(TOPICS[:2], GROUPS[:1]):
        assert not await may_read(kafka, "ops", topic.name, group.name)
        assert not await may_write(kafka, "ops", topic.name)
