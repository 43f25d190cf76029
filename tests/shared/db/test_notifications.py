"""NOTIFY is sent after the commit, in a separate transaction: listeners wake up, and no commit waits for it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from services.consent.choices.store.states import raise_versions_in_force
from services.consent.kit.announcements import announce
from shared.db.notifications import notify_after_commit
from shared.db.pool import Pool, create_pool, transaction
from shared.messaging.outbox import append
from shared.runtime.clock import bucket_of
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually
from tests.shared.messaging.test_flow import access

INSERT_STATE = """
insert into consent_states (bucket, record_id, version, changed_at, choices) values ($1, $2, 1, now(), '{}')"""


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    return await new_database("consent")


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    made = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    yield made
    made.terminate()


@pytest.fixture
async def heard(database: Database) -> AsyncIterator[list[str]]:
    """Yields the payloads that a listener on `outbox` and `in_force` receives."""
    payloads: list[str] = []
    connection = await asyncpg.connect(database.dsn)
    for channel in ("outbox", "in_force"):
        await connection.add_listener(channel, lambda _, __, ___, payload: payloads.append(str(payload)))
    yield payloads
    await connection.close()


async def test_whoever_appends_wakes_the_relay_wherever_the_transaction_was_begun(pool: Pool, heard: list[str]) -> None:
    async with transaction(pool) as connection:
        await append(connection, [announce(access(uuid4()))])

    async def woken(times: int) -> bool:
        return len(heard) >= times

    assert await eventually(lambda: woken(1), seconds=20)
    async with pool.acquire() as connection, connection.transaction():
        await append(connection, [announce(access(uuid4()))])
    assert await eventually(lambda: woken(2), seconds=20)


async def test_the_transaction_that_appends_or_brings_into_force_sends_no_notification_itself(pool: Pool) -> None:
    """One transaction of the whole cluster holds NOTIFY's lock from the commit until its WAL is flushed."""
    record_id, queries = uuid4(), list[str]()
    async with transaction(pool) as connection:
        await connection.execute(INSERT_STATE, bucket_of(record_id), record_id)
        connection.add_query_logger(lambda query: queries.append(query.query))
        await append(connection, [announce(access(record_id))])
        await raise_versions_in_force(connection, {record_id: 1})
    assert any("insert into outbox" in query for query in queries)
    assert not [query for query in queries if "notify" in query.lower()]


async def test_notifications_that_wait_together_are_sent_together_and_once(pool: Pool, heard: list[str]) -> None:
    ids = [str(uuid4()) for _ in range(50)]

    async def change(payload: str) -> None:
        async with transaction(pool) as connection:
            notify_after_commit(connection, "in_force", [payload, "all"])

    await asyncio.gather(*(change(payload) for payload in ids))

    async def all_heard() -> bool:
        return set(heard) >= {*ids, "all"}

    await eventually(all_heard, seconds=20)
    assert len([payload for payload in heard if payload != "all"]) == 50
    assert heard.count("all") < 50
