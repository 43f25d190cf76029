"""What a worker says of its topics: how much they hold, and how far its groups lag, in records and in seconds."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx2
import pytest

from shared.contracts.topics import CONSENT_DEPOSIT_CHECKS, RECORDS_DOCUMENTS
from shared.db.pool import Pool, transaction
from shared.messaging import offsets
from shared.messaging.batch_plan import Partition
from shared.messaging.outbox.lost import log_factory, topics_of
from shared.messaging.topic_lags import GroupLag, measure
from shared.service.worker import Plan, make_worker_app
from tests.conftest import NewDatabase
from tests.infra.http.tokens import TestKeys, bearer, operator_token, patient_token
from tests.infra.messaging import plumbing
from tests.infra.messaging.lost_commits import app_pool
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.shared.messaging.test_offsets import documents
from tests.shared.messaging.test_transaction_markers import put_in_transaction

GROUP = CONSENT_DEPOSIT_CHECKS


@pytest.fixture(name="database")
async def make_database(new_database: NewDatabase) -> Database:
    return await new_database("consent")


@pytest.fixture(name="pool")
async def make_pool(database: Database) -> AsyncIterator[Pool]:
    async with app_pool(database) as pool:
        yield pool


async def lag(pool: Pool, kafka: Topics) -> GroupLag:
    """Returns the group's lag."""
    [behind] = (await measure(pool, "consent", [GROUP], kafka.settings("consent"))).lags
    return behind


async def read_up_to(pool: Pool, kafka: Topics, *, before_end: int = 0) -> None:
    """Stores that the group has read its topic up to so many offsets before the end of each partition."""
    async with log_factory(kafka.settings("consent"), "consent")() as topic_log:
        ends = await topic_log.ends(GROUP.topics)
        places = {Partition(*place): max(0, end - before_end) for place, end in ends.items()}
        async with transaction(pool) as connection:
            await offsets.insert_offsets(connection, GROUP.name, topic_log.cluster_id, places)


async def test_a_group_lags_by_the_records_that_no_member_has_read_and_by_the_age_of_the_oldest(
    pool: Pool, kafka: Topics
) -> None:
    for _ in range(3):
        await kafka.put_raw(RECORDS_DOCUMENTS.name, b"{}", str(uuid4()).encode(), {})
    behind = await lag(pool, kafka)
    assert behind.lag == 3
    assert behind.seconds_behind is not None
    assert 0 < behind.seconds_behind < 60
    await read_up_to(pool, kafka)
    assert (await lag(pool, kafka)).model_dump() == {
        "group": GROUP.name,
        "topic": RECORDS_DOCUMENTS.name,
        "lag": 0,
        "seconds_behind": 0,
    }


async def test_the_marker_of_a_transaction_behind_the_last_record_is_no_lag(pool: Pool, kafka: Topics) -> None:
    await put_in_transaction(kafka, documents(3))
    assert (await lag(pool, kafka)).lag > 0
    await read_up_to(pool, kafka, before_end=1)
    behind = await lag(pool, kafka)
    assert (behind.lag, behind.seconds_behind) == (0, 0)


async def test_operators_alone_list_sizes_and_lags_at_a_worker(database: Database, kafka: Topics) -> None:
    await plumbing.prepare(database)
    plan = Plan("consent", plumbing.Recorder().subscriptions(), keys=TestKeys())
    app = make_worker_app(plan, plumbing.settings(database, kafka))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://worker") as client,
    ):
        listed = (await client.get("/topics", headers=bearer(operator_token()))).json()
        patient = await client.get("/topics", headers=bearer(patient_token(uuid4())))
        assert (patient.status_code, (await client.get("/topics")).status_code) == (403, 401)
    assert {size["topic"] for size in listed["topics"]} == {topic.name for topic in topics_of("consent")}
    assert all(size["partitions"] > 0 for size in listed["topics"])
    groups = {lag["group"] for lag in listed["lags"]}
    assert groups == {subscription.group.name for subscription in plan.subscriptions}
