"""A running worker: the watermarks of erasures, and the log of a watermark that lies in the future."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.base import HeartbeatSent
from shared.contracts.identity import RecordErased
from shared.contracts.topics import CONSENT_ERASURES, IDENTITY_ERASURES
from shared.db.pool import Connection, create_pool
from shared.messaging import copy_ages
from shared.messaging.copy_ages import CopyAges
from shared.messaging.envelope import Message
from shared.messaging.subscription import Subscription
from shared.runtime import clock
from shared.runtime.metrics import COPY_AGE
from shared.runtime.settings import PostgresSettings
from shared.service.worker import Plan, WorkerRuntime, at_work
from tests.conftest import NewDatabase
from tests.infra.erasure.erasing import erased
from tests.infra.http.tokens import TestKeys
from tests.infra.messaging import plumbing
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

TOPIC = IDENTITY_ERASURES.name


class Eraser:
    """Consent's handler of erasures, while its database is unavailable (`is_away`) and afterwards."""

    def __init__(self) -> None:
        self.is_away, self.attempts, self.partitions = True, 0, set[int]()

    async def erase(self, _: Connection, messages: list[Message[RecordErased]]) -> None:
        self.attempts += 1
        if self.is_away:
            raise OSError("the database is away")
        self.partitions |= {message.partition for message in messages}

    @asynccontextmanager
    async def at_work(self, database: Database, kafka: Topics) -> AsyncIterator[WorkerRuntime]:
        """Runs a worker with this group alone."""
        group = Subscription(
            CONSENT_ERASURES, (RecordErased,), self.erase, uses_inbox=False, skips_erased_records=False
        )
        plan = Plan("consent", [group], keys=TestKeys())
        async with at_work(plan, plumbing.settings(database, kafka)) as runtime:
            yield runtime


async def beat(kafka: Topics, at: datetime) -> None:
    """Writes a heartbeat into each partition, as identity's relay does."""
    for partition in range(IDENTITY_ERASURES.local_partitions):
        event = HeartbeatSent(partition=partition, at=at)
        headers = {"ce_id": str(uuid4()), "ce_type": event.ce_type, "ce_time": at.isoformat()}
        body, key = event.model_dump_json().encode(), event.key.encode()
        await kafka.put_raw(TOPIC, body, key, headers, partition=partition)


async def test_a_heartbeat_behind_an_unread_erasure_freshens_nothing(new_database: NewDatabase, kafka: Topics) -> None:
    database, eraser, at = await new_database("consent"), Eraser(), clock.now()
    await kafka.put(erased(uuid4()))
    await beat(kafka, at)

    async def has_tried() -> bool:
        return eraser.attempts >= 3

    async def has_all() -> bool:
        count = await plumbing.value(database, "select count(*) from copy_watermarks where at = $1", at)
        return bool(count == IDENTITY_ERASURES.local_partitions)

    async with eraser.at_work(database, kafka):
        await eventually(has_tried)
        fresh = await plumbing.value(database, "select count(*) from copy_watermarks where topic = $1", TOPIC)
        assert fresh < IDENTITY_ERASURES.local_partitions
        eraser.is_away = False
        await eventually(has_all)
    assert len(eraser.partitions) == 1


@pytest.fixture
async def pool(new_database: NewDatabase) -> Any:
    database = await new_database("consent")
    made = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    yield made
    made.terminate()


async def test_a_watermark_of_the_future_is_a_negative_age_and_said_once_a_minute(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[dict[str, Any]] = []
    monkeypatch.setattr(copy_ages, "log", lambda event, **fields: logged.append({"event": event, **fields}))
    await pool.execute(
        "insert into copy_watermarks (topic, partition, at) values "
        "('a', 0, now() - interval '10 s'), ('a', 1, now() + interval '1 hour'), "
        "('b', 0, now() - interval '10 s'), ('b', 1, now() + interval '10 s'), ('c', 0, now() + interval '10 s')"
    )
    ages = CopyAges()
    await ages.observe(pool)
    await ages.observe(pool)
    assert -3600 <= age_of("a") < -3000, "the future hides behind no older partition"
    assert 10 <= age_of("b") < 600, "clocks differ a little"
    assert -10 <= age_of("c") < 0
    assert [(line["event"], line["topic"]) for line in logged] == [("copy.ahead", "a"), ("copy.ahead", "c")]
    assert logged[0]["seconds"] > 3000
    monkeypatch.setattr(copy_ages, "LOG_EVERY_S", 0.0)
    await ages.observe(pool)
    assert len(logged) == 4


def age_of(topic: str) -> float:
    age: float = COPY_AGE.labels(topic)._value.get()
    return age
