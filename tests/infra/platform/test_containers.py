"""Where a container engine answers, the tests run on PostgreSQL and Kafka in containers."""

from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.infra.platform.containers import engine_answers, kafka_container, postgres_container


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """There is one, or nothing here is tested."""
    if not engine_answers():
        pytest.skip("no container engine answers here: the other tests run on embedded servers")


async def test_postgres_runs_in_a_container() -> None:
    async with AsyncExitStack() as resources:
        dsn = postgres_container(resources)
        connection = await asyncpg.connect(dsn)
        try:
            assert connection.get_server_version().major == 18
            assert await connection.fetchval("select usesuper from pg_user where usename = current_user")
        finally:
            await connection.close()


async def test_kafka_runs_in_a_container() -> None:
    async with AsyncExitStack() as resources:
        bootstrap = kafka_container(resources)
        topic = f"tests.{uuid4()}"
        admin = AdminClient({"bootstrap.servers": str(bootstrap)})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            await producer.send_and_wait(topic, b"sent")
        async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
            assert (await consumer.getone()).value == b"sent"
