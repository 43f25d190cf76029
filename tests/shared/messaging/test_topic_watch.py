"""A worker neither reads nor writes a topic that differs from its declaration, says which, and goes on once it is
mended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from confluent_kafka.admin import NewTopic

from services.consent.kit.announcements import announce
from shared.contracts.topics import CONSENT_DECISIONS, CONSENT_DEPOSIT_CHECKS, CONSENT_STATES, IDENTITY_RECORDS
from shared.db.pool import Pool, create_pool
from shared.messaging.topics import watch
from shared.messaging.topics.grants import Grant
from shared.messaging.topics.permissions import filter_of
from shared.runtime.metrics import TOPIC_DIFFERENCES
from shared.runtime.settings import PostgresSettings
from shared.service.worker import Plan, make_worker_app
from tests.conftest import NewDatabase
from tests.infra.http.tokens import TestKeys
from tests.infra.messaging import plumbing
from tests.infra.messaging.broker import revoke_permissions
from tests.infra.messaging.plumbing import document_received, record_changed
from tests.infra.platform.databases import Database
from tests.infra.platform.parts import Parts
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.shared.messaging.test_relay import (
    admin_of,
    administer,
    decided,
    delete_topic,
    is_empty,
    put,
    set_config,
    state,
)

LETTERS = CONSENT_DEPOSIT_CHECKS.dead_letters


@pytest.fixture(autouse=True)
def _checked_often(monkeypatch: pytest.MonkeyPatch, servers: Parts) -> None:
    if not servers.has_acls:
        pytest.skip("the helpers below administer a broker with users")
    monkeypatch.setattr(watch, "RECHECK_S", 0.2)
    monkeypatch.setattr(watch, "RECHECK_DIFFERING_S", 0.2)


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    database = await new_database("consent")
    await plumbing.prepare(database)
    return database


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    made = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    yield made
    made.terminate()


class Worker:
    """A running worker as its operators see it."""

    def __init__(self, client: httpx2.AsyncClient, prefix: str) -> None:
        self._client, self._prefix = client, prefix

    async def differences(self) -> list[str]:
        """Returns what /readyz says of topics; fails when its status does not fit."""
        answer = await self._client.get("/readyz")
        complaints = [line.removeprefix(self._prefix) for line in answer.json().get("topics", [])]
        assert answer.status_code == (503 if complaints else 200), answer.text
        return complaints

    async def assert_differences(self, *complaints: str) -> None:
        """Waits until the worker says just that."""

        async def says_so() -> bool:
            return await self.differences() == list(complaints)

        await eventually(says_so)

    async def alive(self) -> bool:
        return (await self._client.get("/livez")).status_code == 200


@asynccontextmanager
async def working(database: Database, kafka: Topics, **changes: Any) -> AsyncIterator[Worker]:
    settings = plumbing.settings_with(database, kafka.settings("consent").model_copy(update=changes))
    app = make_worker_app(Plan("consent", plumbing.Recorder().subscriptions(), keys=TestKeys()), settings)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://worker") as client,
    ):
        yield Worker(client, kafka.prefix)


async def copies(database: Database) -> int:
    return int(await plumbing.value(database, "select count(*) from seen_copies"))


async def handled(database: Database) -> int:
    return len(await plumbing.effects(database))


async def test_a_state_topic_that_deletes_is_not_read_while_other_groups_go_on_until_it_is_mended(
    database: Database, kafka: Topics
) -> None:
    await set_config(kafka, IDENTITY_RECORDS.name, "cleanup.policy", "delete")
    await kafka.put(record_changed(uuid4()))
    async with working(database, kafka) as worker:
        await worker.assert_differences("identity.records.v1: cleanup.policy is delete, declared is compact")
        await kafka.put(document_received(uuid4()))
        await eventually(lambda: _is(handled, database, 1))
        assert await copies(database) == 0
        assert TOPIC_DIFFERENCES.labels(IDENTITY_RECORDS.name)._value.get() == 1
        assert await worker.alive()
        await set_config(kafka, IDENTITY_RECORDS.name, "cleanup.policy", "compact")
        await worker.assert_differences()
        await eventually(lambda: _is(copies, database, 1))
        assert TOPIC_DIFFERENCES.labels(IDENTITY_RECORDS.name)._value.get() == 0


async def _is(count: Any, database: Database, number: int) -> bool:
    return bool(await count(database) == number)


async def test_a_topic_that_begins_to_differ_is_not_written_any_more_while_others_are_until_it_is_mended(
    database: Database, pool: Pool, kafka: Topics
) -> None:
    async with working(database, kafka) as worker:
        await worker.assert_differences()
        await set_config(kafka, CONSENT_STATES.name, "cleanup.policy", "compact,delete")
        await worker.assert_differences("consent.states.v1: cleanup.policy is compact,delete, declared is compact")
        heartbeats = len(await kafka.read_raw(CONSENT_STATES.name))
        await put(pool, announce(state(uuid4(), 1)), announce(decided(uuid4())))
        await eventually(lambda: is_empty(pool, CONSENT_DECISIONS.name))
        assert not await is_empty(pool, CONSENT_STATES.name)
        assert len(await kafka.read_raw(CONSENT_STATES.name)) - heartbeats <= 4, "no more than one last round"
        await set_config(kafka, CONSENT_STATES.name, "cleanup.policy", "compact")
        await eventually(lambda: is_empty(pool, CONSENT_STATES.name))
        await worker.assert_differences()


async def test_a_worker_waits_for_a_missing_topic_of_dead_letters(database: Database, kafka: Topics) -> None:
    await delete_topic(kafka, LETTERS)
    await kafka.put(document_received(uuid4()))
    async with working(database, kafka) as worker:
        await worker.assert_differences(f"{LETTERS}: does not exist")
        assert await handled(database) == 0
        config = {"retention.ms": str(30 * 86_400_000), "segment.ms": "86400000"}
        letters = NewTopic(kafka.prefix + LETTERS, 1, 1, config=config)
        await administer(kafka, lambda admin: admin.create_topics([letters]))
        await worker.assert_differences()
        await eventually(lambda: _is(handled, database, 1))


async def test_another_retention_is_said_by_the_setting_and_both_values(database: Database, kafka: Topics) -> None:
    await set_config(kafka, CONSENT_DECISIONS.name, "retention.ms", "604800000")
    async with working(database, kafka) as worker:
        await worker.assert_differences("consent.decisions.v1: retention.ms is 604800000, declared is 2592000000")


async def test_topics_of_one_machine_are_not_used_as_national_ones(database: Database, kafka: Topics) -> None:
    await kafka.put(record_changed(uuid4()))
    async with working(database, kafka, profile="national") as worker:

        async def are_named() -> bool:
            return "identity.records.v1: partitions is 4, declared is 96" in await worker.differences()

        await eventually(are_named)
        assert await copies(database) == 0


async def test_a_worker_that_may_not_look_at_a_topic_does_not_use_it(database: Database, kafka: Topics) -> None:
    look = Grant("consent", "DESCRIBE_CONFIGS", "TOPIC", kafka.prefix + IDENTITY_RECORDS.name)
    await revoke_permissions(admin_of(kafka), filter_of(look))
    await kafka.put(record_changed(uuid4()))
    async with working(database, kafka) as worker:
        await worker.assert_differences(
            "identity.records.v1: cannot be checked (TopicAuthorizationFailedError): "
            "DESCRIBE and DESCRIBE_CONFIGS are needed"
        )
        assert await copies(database) == 0
